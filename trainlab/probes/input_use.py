"""What the network's answers are worth when it gets other inputs: zeros, or those of other samples."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import to_double
from trainlab.probes._classes import decide, read_classes
from trainlab.probes._facts import draw_samples
from trainlab.step import Batch, Evaluation

SAMPLES = 2000


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """In evaluation mode, after the last update, on at most 2000 samples of each part; nothing without a target.

    Each sample gets the inputs of the next one in a random order, so that inputs and targets keep their distributions and lose
    each other.

    Returns:
        own_loss, shuffled_loss, zero_loss: `[run]`: of training samples with their own inputs, with others', with zeros. Of tokens
            the last is not defined.
        test_own_score, test_shuffled_score: `[run]`: of test samples with their own inputs and with others': share right, or for
            numbers 1 - squared error / variance.
    """
    measured: dict[str, Tensor] = {}
    if evaluation.train.target is None or evaluation.task == "none":
        return measured
    train = draw_samples(evaluation.train, SAMPLES)
    kinds = {"own": train.inputs, "shuffled": train.inputs.roll(1, dims=0)}
    if train.inputs.is_floating_point():
        kinds["zero"] = torch.zeros_like(train.inputs)
    for name, inputs in kinds.items():
        measured[f"{name}_loss"] = evaluation.loss_at(evaluation.flat, Batch(inputs=inputs, target=train.target))
    if evaluation.test is not None:
        test = draw_samples(evaluation.test, SAMPLES)
        measured["test_own_score"] = _score(evaluation, test, test.inputs)
        measured["test_shuffled_score"] = _score(evaluation, test, test.inputs.roll(1, dims=0))
    return measured


def _score(evaluation: Evaluation, part: Batch, inputs: Tensor) -> Tensor:
    assert part.target is not None
    output = evaluation.predict(Batch(inputs=inputs, target=None))
    if evaluation.task == "regression":
        error = to_double(output - part.target).square().flatten(1).sum(dim=1)
        return 1 - error / to_double(part.target - part.target.mean(dim=0)).square().sum()
    right = to_double((decide(output, evaluation.loss) == read_classes(part)).float()).flatten(1).mean(dim=1)
    return torch.where(torch.isfinite(output).flatten(1).all(dim=1).to(right.device), right, torch.nan)
