"""Euclidean norm of the raw gradient of each parameter, `[run, parameter]`."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import norm_rows
from trainlab.step import Step

EVERY = "sample"


def measure(step: Step) -> Tensor:
    """|g| for each parameter, exact for gradients far below and above what float32 can square."""
    return torch.stack([norm_rows(part) for part in step.layout.split(step.raw)], dim=1)
