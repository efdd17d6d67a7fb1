"""How well a run does at its end, on all parts: loss, share right, R2."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import to_double
from trainlab.probes._classes import decide, fit_samples, read_classes
from trainlab.step import Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """In evaluation mode, after the last update.

    Returns:
        train_loss, validation_loss, test_loss: `[run]`, without any penalty.
        train_accuracy, validation_accuracy, test_accuracy: `[run]`, for classes.
        accuracy_gap: `[run]` train - test.
        train_r2, validation_r2, test_r2: `[run]`, for numbers: 1 - squared error / variance.
        train-fit, ...: `[run, sample]`, what each sample adds to R2, which is their mean.
        train-correct, ...: `[run, sample]`, 1 where the class is right; of sequences, the share of steps where it is.
    """
    measured: dict[str, Tensor] = {}
    for name, part in (("train", evaluation.train), ("validation", evaluation.validation), ("test", evaluation.test)):
        if part is None:
            continue
        measured[f"{name}_loss"] = evaluation.loss_at(evaluation.flat, part)
        if part.target is None or evaluation.task == "none":
            continue
        output = evaluation.predict(part)
        if evaluation.task == "regression":
            measured[f"{name}-fit"] = fit_samples(output, part.target)
            measured[f"{name}_r2"] = measured[f"{name}-fit"].mean(dim=1)
        else:
            right = (decide(output, evaluation.loss) == read_classes(part)).float()
            right = right.mean(dim=2) if right.dim() == 3 else right
            finite = torch.isfinite(output).flatten(1).all(dim=1)  # a network of NaN has no opinion, right or wrong
            measured[f"{name}-correct"] = torch.where(finite[:, None], right, torch.nan)
            measured[f"{name}_accuracy"] = to_double(measured[f"{name}-correct"]).mean(dim=1)
    if "test_accuracy" in measured:
        measured["accuracy_gap"] = measured["train_accuracy"] - measured["test_accuracy"]
    return measured
