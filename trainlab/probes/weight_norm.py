"""Euclidean norm of each parameter before the update, `[run, parameter]`."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import norm_rows
from trainlab.step import Step

EVERY = "sample"


def measure(step: Step) -> Tensor:
    """|w| for each parameter."""
    return torch.stack([norm_rows(part) for part in step.layout.split(step.before)], dim=1)
