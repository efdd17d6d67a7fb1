"""The training loss of a network that puts out 0 everywhere: what a sound start should not exceed by much."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.step import Batch, Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """`zero_output_loss` `[run]`, the same number for every run of a stack; NaN where there is no target.

    For classes that is the loss of even shares: log(C) for `cross_entropy`, log(2) for `bce` and `bce_logits`. For `mse` it is
    the mean square of the target.
    """
    part = evaluation.train
    loss = torch.nan
    if part.target is not None and evaluation.task != "none":
        output = evaluation.predict(Batch(inputs=part.inputs[:2], target=None))[0]
        even = torch.full((len(part.target), *output.shape[1:]), 0.5 if evaluation.loss == "bce" else 0.0).to(output)
        loss = float(evaluation.judge(even, part.target))
    return {"zero_output_loss": torch.full((len(evaluation.flat),), loss, dtype=torch.float64)}
