"""What is drawn anew at each update, for each run from streams of its own: dropout masks and noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from trainlab.device import derive_seed, make_generator
from trainlab.models.dropout import Dropout

if TYPE_CHECKING:
    from numpy.random import SFC64


class Streams:
    """One generator for each run and purpose. What one run draws, and for what, moves nothing for another."""

    def __init__(self, seeds: list[int]) -> None:
        self._seeds = seeds
        self._streams: dict[tuple[int, str], torch.Generator] = {}
        self._masks: dict[tuple[int, str], SFC64] = {}

    def _get(self, run: int, purpose: str) -> torch.Generator:
        key = (run, purpose)
        if key not in self._streams:
            self._streams[key] = make_generator(self._seeds[run], purpose)
        return self._streams[key]

    def draw_normal(self, purpose: str, runs: list[int], scales: list[float], like: Tensor) -> Tensor:
        """Gaussian noise for `like` `[row, ...]`, each row with the scale and the stream of its run; 0 where the scale is."""
        noise = torch.zeros(len(runs), *like.shape[1:])
        drawn: dict[int, Tensor] = {}
        for run, room in zip(runs, noise, strict=True):
            if run in drawn:  # padding repeats a run, and must not draw again
                room.copy_(drawn[run])
            elif scales[run]:
                drawn[run] = torch.randn(room.shape, generator=self._get(run, purpose), out=room).mul_(scales[run])
        return noise.to(like)

    def draw_mask(self, name: str, runs: list[int], shares: list[float], shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Masks `[row, *shape]` of 0 and 1/(1 - share) for the dropout layer `name`; a sample comes first in `shape`.

        Of samples of one dimension they are drawn unit by unit, and lie so: as the network written by hand multiplies with them.
        """
        samples, units = shape[0], shape[1:]
        masks = torch.empty((len(runs), *units, samples) if len(units) == 1 else (len(runs), *shape))
        drawn: dict[int, Tensor] = {}
        for run, mask in zip(runs, masks, strict=True):
            if run in drawn:
                mask.copy_(drawn[run])
                continue
            if (run, name) not in self._masks:
                self._masks[run, name] = start_masks(self._seeds[run], f"dropout/{name}")
            drawn[run] = fill_mask(mask, 1 - shares[run], self._masks[run, name])
        return (masks.transpose(1, 2) if len(units) == 1 else masks).to(like)


def start_masks(seed: int, purpose: str) -> SFC64:
    """The stream that masks of one (seed, purpose) are drawn from: most of what dropout costs, and here a quarter of torch's."""
    return np.random.SFC64(derive_seed(seed, purpose))


def fill_mask(room: Tensor, keep: float, stream: SFC64) -> Tensor:
    """Fill `room`, float32 and contiguous, with 1/keep in a share `keep` of all places and 0 elsewhere."""
    limit = np.uint32(max(round(keep * 2**32), 1) - 1)
    drawn = stream.random_raw((room.numel() + 1) // 2).view(np.uint32)[: room.numel()]  # two numbers in each
    kept = torch.from_numpy((drawn <= limit).view(np.uint8))  # torch takes five times as long over a bool
    return room.copy_(kept.view(room.shape)).div_(keep)


def find_dropouts(model: nn.Module, sample: Tensor) -> dict[str, tuple[int, ...]]:
    """Every dropout layer of a network with the shape of what it sees of one sample, without the sample's own dimension."""
    names: dict[nn.Module, str] = {module: name for name, module in model.named_modules() if isinstance(module, Dropout)}
    shapes: dict[str, tuple[int, ...]] = {}

    def note(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        shapes[names[module]] = tuple(arguments[0].shape[1:])

    hooks = [module.register_forward_pre_hook(note) for module in names]
    try:
        with torch.no_grad():
            model.eval()
            if hooks:
                model(sample)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes
