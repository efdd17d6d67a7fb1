"""Euclidean norm of the whole raw gradient, `[run]`."""

from __future__ import annotations

from torch import Tensor

from trainlab.numerics import norm_rows
from trainlab.step import Step

EVERY = "update"


def measure(step: Step) -> Tensor:
    """|g| over all parameters, as `torch.nn.utils.clip_grad_norm_` returns it."""
    return norm_rows(step.raw)
