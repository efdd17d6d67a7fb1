"""Euclidean norm of the whole gradient after clipping, `[run]`."""

from __future__ import annotations

from torch import Tensor

from trainlab.numerics import norm_rows
from trainlab.step import Step

EVERY = "update"


def measure(step: Step) -> Tensor:
    """|g| over all parameters, as the optimizer got it."""
    return norm_rows(step.used)
