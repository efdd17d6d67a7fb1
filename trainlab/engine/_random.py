"""torch's global random streams, one state a run, for networks that draw from them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from trainlab.device import derive_seed


@dataclass(frozen=True, slots=True)
class RandomState:
    """States of the global streams of the CPU and, where a run is on another device, of that.

    A layer draws on the device of its input, whatever stream is meant: on a GPU the CPU's stream alone would leave dropout to the
    runs before it.
    """

    cpu: Tensor
    device: torch.device
    own: Tensor | None = None

    def restore(self) -> None:
        """Make the global streams continue here."""
        torch.default_generator.set_state(self.cpu)
        if self.own is not None:
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(self.own, self.device)
            else:
                torch.mps.set_rng_state(self.own)


def start_random(seed: int, device: torch.device) -> RandomState:
    """The streams of the run with this seed."""
    drawn = derive_seed(seed, "dropout")
    own = None if device.type == "cpu" else torch.Generator(device).manual_seed(drawn).get_state()
    return RandomState(torch.Generator().manual_seed(drawn).get_state(), device, own)


def note_random(device: torch.device) -> RandomState:
    """Where the global streams are now."""
    own = {"cuda": lambda: torch.cuda.get_rng_state(device), "mps": torch.mps.get_rng_state}.get(device.type, lambda: None)()
    return RandomState(torch.default_generator.get_state(), device, own)


def fork_random(device: torch.device) -> AbstractContextManager[None]:
    """Leave the global streams of the CPU and of `device` as they were."""
    if device.type == "cpu":
        return torch.random.fork_rng(devices=[])
    index = device.index or 0
    return torch.random.fork_rng(devices=[index], device_type=device.type)
