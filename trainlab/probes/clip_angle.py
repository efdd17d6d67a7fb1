"""How far clipping turned the gradient: degrees between raw and used, `[run]`."""

from __future__ import annotations

from torch import Tensor

from trainlab.numerics import angle_rows
from trainlab.step import Step

EVERY = "update"


def measure(step: Step) -> Tensor:
    """0 for a gradient that was not clipped or clipped by norm; NaN for a gradient of 0."""
    return angle_rows(step.raw, step.used)
