"""How long the gradient of each single sample is before the training begins, `[run, sample]`."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.step import Batch, Evaluation

SAMPLES = 512
NUMBERS = 2**25  # samples times parameters: more would take longer than the training of a small network


def evaluate_start(evaluation: Evaluation) -> dict[str, Tensor]:
    """`initial-sample-norms` of at most 512 training samples, evenly spread, fewer for a large network; in evaluation mode.

    Before the training, since a network that has learned leaves its few hard samples with nearly all of the gradient.
    """
    train = evaluation.train
    count = min(len(train.inputs), SAMPLES, max(8, NUMBERS // max(evaluation.flat.shape[1], 1)))
    chosen = (torch.arange(count) * (len(train.inputs) - 1) // max(count - 1, 1)).to(train.inputs.device)
    batch = Batch(inputs=train.inputs[chosen], target=None if train.target is None else train.target[chosen])
    return {"initial-sample-norms": evaluation.sample_norms(batch)}
