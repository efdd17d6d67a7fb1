"""How much of the gradient gets back to each time step, `[run, step]`."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.step import Batch, Evaluation

SAMPLES = 128


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """`step-gradients` on at most 128 training samples, evenly spread; see `Evaluation.step_norms`. Nothing without sequences."""
    train = evaluation.train
    count = min(len(train.inputs), SAMPLES)
    chosen = (torch.arange(count) * (len(train.inputs) - 1) // max(count - 1, 1)).to(train.inputs.device)
    target = None if train.target is None else train.target[chosen]
    norms = evaluation.step_norms(Batch(inputs=train.inputs[chosen], target=target))
    return {} if norms is None else {"step-gradients": norms}
