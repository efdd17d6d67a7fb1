"""Loss on the test part after each epoch, in evaluation mode, without any penalty; only where nothing is kept for validation.

Where something is, the test part is looked at once, at the end: nothing may be chosen by it.
"""

from __future__ import annotations

from torch import Tensor

from trainlab.step import Evaluation


def follow(evaluation: Evaluation) -> Tensor | None:
    """`[run]`; None where there is a validation part, or no test part."""
    if evaluation.test is None or evaluation.validation is not None:
        return None
    return evaluation.loss_at(evaluation.flat, evaluation.test)
