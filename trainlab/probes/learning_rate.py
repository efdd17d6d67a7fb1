"""The learning rate of each update, `[run]`, after any schedule."""

from __future__ import annotations

from torch import Tensor

from trainlab.step import Step

EVERY = "sample"


def measure(step: Step) -> Tensor:
    """In float64: 0.01 is 0.01, whatever number format the run has."""
    return step.rate
