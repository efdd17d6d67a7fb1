"""Share of the units of each weight that are copies of their first unit, `[run, parameter]`."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.step import Step

EVERY = "sample"
ROUNDING = 1e-5


def measure(step: Step) -> Tensor:
    """Of the units but the first (rows of a matrix, filters), the share whose weights after the update equal those of the first.

    Equal up to rounding: no number differs by more than 1e-5 of the largest, and all are finite. NaN for what is no weight, and for
    a single unit.
    """
    shares = []
    for part, shape in zip(step.layout.split(step.after), step.layout.shapes, strict=True):
        if len(shape) < 2 or shape[0] < 2:
            shares.append(torch.full_like(step.loss, torch.nan))
            continue
        units = part.reshape(len(part), shape[0], -1)
        apart = (units[:, 1:] - units[:, :1]).abs().amax(dim=2)
        largest = part.abs().amax(dim=1)[:, None]
        close = (apart <= ROUNDING * largest) & largest.isfinite()
        shares.append(close.to(step.loss).mean(dim=1))
    return torch.stack(shares, dim=1)
