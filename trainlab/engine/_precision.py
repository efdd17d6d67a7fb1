"""Mixed precision: the number format that a run is kept in, the one it computes in, and the scale of its loss.

As torch's own loops do it: weights, optimizer memory and updates in float32, forward pass and loss under `torch.autocast`, and for
fp16, whose numbers end at 65504 and begin at 6e-8, a loss multiplied by a scale that follows the rules of `torch.amp.GradScaler`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

KEPT = {"float32": torch.float32, "float64": torch.float64, "bf16": torch.float32, "fp16": torch.float32}
"""What weights, gradients and data are kept in, by `train.precision`."""

LOWER = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""What autocast computes in."""

FIRST = 65536.0
GROWTH, BACKOFF = 2.0, 0.5
PATIENCE = 2000
"""Steps in a row with finite gradients after which the scale grows."""

SMALLEST = 2.0**-24
"""The smallest number of fp16: a loss multiplied by less has no gradient left."""

HOPELESS = 10
"""Steps in a row that no scale saves, after which a run is given up: a batch may be to blame, ten batches are not."""


def is_mixed(precision: str) -> bool:
    """Whether the forward pass computes in fewer bits than the weights have."""
    return precision in LOWER


def cast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Autocast to what the forward pass computes in; nothing where that is what the weights are kept in."""
    return _autocast(device, LOWER[precision]) if is_mixed(precision) else nullcontext()


@contextmanager
def _autocast(device: torch.device, lower: torch.dtype) -> Iterator[None]:
    with warnings.catch_warnings(), torch.autocast(device.type, lower):
        warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight")  # RMS norm is slower so, and right
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """The loss scale of each run of a stack, and what has become of it. All `[row]`.

    Attributes:
        scale: float32; a power of two, so that neither multiplying nor dividing rounds.
        good: steps since the scale last changed.
        skipped: steps in all.
        lost: the latest steps in a row that no scale would have saved.
    """

    scale: Tensor
    good: Tensor
    skipped: Tensor
    lost: Tensor

    def follow(self, skipped: Tensor, lost: Tensor) -> Scaling:
        """After one more step, that was skipped, and lost, by some runs (bool `[row]`)."""
        good = torch.where(skipped, 0, self.good + 1)
        grown = (good == PATIENCE) & torch.isfinite(self.scale * GROWTH)
        scale = torch.where(skipped, self.scale * BACKOFF, torch.where(grown, self.scale * GROWTH, self.scale))
        return Scaling(
            scale=scale,
            good=torch.where(good == PATIENCE, 0, good),
            skipped=self.skipped + skipped,
            lost=torch.where(lost, self.lost + 1, 0),
        )

    def select(self, index: Tensor) -> Scaling:
        """A copy of the rows at `index`."""
        return Scaling(scale=self.scale[index], good=self.good[index], skipped=self.skipped[index], lost=self.lost[index])


def start_scaling(rows: int, device: torch.device) -> Scaling:
    """Before the first update."""
    none = torch.zeros(rows, dtype=torch.int64, device=device)
    return Scaling(scale=torch.full((rows,), FIRST, device=device), good=none, skipped=none, lost=none)
