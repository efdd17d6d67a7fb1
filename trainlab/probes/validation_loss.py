"""Loss on the validation part after each epoch, in evaluation mode, without any penalty."""

from __future__ import annotations

from torch import Tensor

from trainlab.step import Evaluation


def follow(evaluation: Evaluation) -> Tensor | None:
    """`[run]`; None where there is no validation part."""
    return None if evaluation.validation is None else evaluation.loss_at(evaluation.flat, evaluation.validation)
