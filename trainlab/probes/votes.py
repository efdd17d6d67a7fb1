"""What a member of an ensemble says, so that the mean can be taken: only of runs whose training part is a resample."""

from __future__ import annotations

from torch import Tensor

from trainlab.numerics import to_double
from trainlab.probes._classes import find_shares, read_classes
from trainlab.step import Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Nothing where the training part was not drawn anew, without a target, or of targets at every step.

    Returns:
        train-votes, test-votes: `[run, sample, class]` shares, or `[run, sample, number]`; train is the part before the draw.
        train-target, test-target: `[run, sample]` class numbers, or `[run, sample, number]`.
    """
    told: dict[str, Tensor] = {}
    for name, part in (("train", evaluation.pool), ("test", evaluation.test)):
        if evaluation.pool is None or part is None or part.target is None:
            continue
        output = evaluation.predict(part)
        if output.dim() != 3:
            continue
        numbers = evaluation.task == "regression"
        told[f"{name}-votes"] = to_double(output) if numbers else find_shares(output, evaluation.loss)
        target = part.target if numbers else read_classes(part)
        told[f"{name}-target"] = to_double(target).expand(len(evaluation.flat), *target.shape)
    return told
