"""How many samples each class has, and how many of them are told."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.probes._classes import decide, read_classes
from trainlab.step import Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """One class a sample; nothing for other tasks, nor for one that has a class at every step.

    Returns:
        train-class-count, test-class-count: `[run, class]`: samples.
        train-class-recall, test-class-recall: `[run, class]`: share of them that is told; NaN where there are none, or where the
            network puts out no numbers.
        validation-balanced: `[run, sample]`: what each sample adds to the mean recall of the classes, which is their mean.
        validation_balanced_accuracy: `[run]`: that mean.
    """
    if evaluation.task not in ("binary", "multiclass") or evaluation.train.target is None:
        return {}
    if read_classes(evaluation.train).dim() > 1:
        return {}
    several = (("train", evaluation.train), ("validation", evaluation.validation), ("test", evaluation.test))
    parts = {name: part for name, part in several if part is not None}
    classes = max(int(read_classes(part).max()) for part in parts.values()) + 1
    measured: dict[str, Tensor] = {}
    for name, part in parts.items():
        target = torch.nn.functional.one_hot(read_classes(part), classes).double()  # [sample, class]
        output = evaluation.predict(part)
        right = (decide(output, evaluation.loss) == read_classes(part)).double()
        right = torch.where(torch.isfinite(output).flatten(1).all(dim=1)[:, None], right, torch.nan)
        if name == "validation":
            sizes = target.sum(dim=0)
            measured["validation-balanced"] = right * (len(target) / ((sizes > 0).sum() * sizes[read_classes(part)]))
            measured["validation_balanced_accuracy"] = measured["validation-balanced"].mean(dim=1)
            continue
        measured[f"{name}-class-count"] = target.sum(dim=0).expand(len(output), -1)
        measured[f"{name}-class-recall"] = right @ target / target.sum(dim=0)
    return measured
