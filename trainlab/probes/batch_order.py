"""How much batches taken in the stored order of the samples differ in their targets."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.probes._classes import read_classes
from trainlab.probes._facts import repeat
from trainlab.step import Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Of the training part; nothing without a target, with one for every step, or in a single batch.

    Returns:
        batch_purity: `[run]`: share of the targets' variance that lies between batches, eta^2 = 1 - within/total; of classes, of
            their indicators together. 1 if every batch has one class only.
        batch_purity_shuffled: `[run]`: what shuffled samples would have on average: (batches - 1)/(samples - 1).
    """
    part, size = evaluation.train, evaluation.batch_size
    if part.target is None or evaluation.task == "none" or size >= len(part.inputs):
        return {}
    if evaluation.task == "regression":
        values = part.target.cpu().double()
        values = values / values.std(dim=0, unbiased=False).clamp(min=1e-300)
    else:
        classes = read_classes(part).cpu()
        if classes.dim() > 1:
            return {}
        values = torch.nn.functional.one_hot(classes).double()
    if values.dim() > 2:
        return {}
    total = (values - values.mean(dim=0)).square().sum()
    if not (bool(torch.isfinite(total)) and total > 0):
        return {}
    batches = torch.split(values, size)
    within = sum((each - each.mean(dim=0)).square().sum() for each in batches)
    facts = {"batch_purity": float(1 - within / total), "batch_purity_shuffled": (len(batches) - 1) / (len(values) - 1)}
    return repeat(facts, len(evaluation.flat))
