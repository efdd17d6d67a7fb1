"""The loss of each update's batch before the update, `[run]`."""

from __future__ import annotations

from torch import Tensor

from trainlab.step import Step

EVERY = "update"


def measure(step: Step) -> Tensor:
    """As the gradient saw it: mean over the samples of the update."""
    return step.loss
