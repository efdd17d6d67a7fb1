"""How far each parameter moved, relative to its own size: |change| / |weight|, `[run, parameter]`.

From the change that really happened, not from rate times gradient, which is wrong for every optimizer but plain SGD.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import norm_rows
from trainlab.step import Step

EVERY = "sample"


def measure(step: Step) -> Tensor:
    """Infinite where a parameter of zeros moved, NaN where it did not."""
    change = step.layout.split(step.after - step.before)
    before = step.layout.split(step.before)
    return torch.stack([norm_rows(moved) / norm_rows(held) for moved, held in zip(change, before, strict=True)], dim=1)
