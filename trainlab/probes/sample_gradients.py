"""How long the gradient of each single sample is before the training begins, `[run, sample]`."""

from __future__ import annotations

from torch import Tensor

from trainlab.probes._facts import spread_samples
from trainlab.step import Evaluation

SAMPLES = 512
NUMBERS = 2**25  # samples times parameters: more would take longer than the training of a small network


def evaluate_start(evaluation: Evaluation) -> dict[str, Tensor]:
    """`initial-sample-norms` of at most 512 training samples, evenly spread, fewer for a large network; in evaluation mode.

    Before the training, since a network that has learned leaves its few hard samples with nearly all of the gradient.
    """
    count = min(SAMPLES, max(8, NUMBERS // max(evaluation.flat.shape[1], 1)))
    return {"initial-sample-norms": evaluation.sample_norms(spread_samples(evaluation.train, count))}
