"""The loss of single batches, before each update, `[run]`; the loss of an epoch is the mean over its batches."""

from __future__ import annotations

from torch import Tensor

from trainlab.step import Step

EVERY = "sample"


def measure(step: Step) -> Tensor:
    """In training mode, without any penalty; the first is that of the initial weights."""
    return step.loss
