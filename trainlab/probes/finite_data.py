"""How many samples hold NaN or infinity."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.probes._facts import repeat
from trainlab.step import Batch, Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """In the inputs and in the targets of each part.

    Returns:
        train_nonfinite_inputs, train_nonfinite_targets, and the same of `test`: `[run]`, samples with at least one such value.
        nonfinite_feature: `[run]`, number of the first feature of the training inputs that has one; NaN if none does.
    """
    facts: dict[str, float] = {"nonfinite_feature": torch.nan}
    for name, part in (("train", evaluation.train), ("test", evaluation.test)):
        if part is None:
            continue
        facts[f"{name}_nonfinite_inputs"] = _count(part.inputs)
        facts[f"{name}_nonfinite_targets"] = 0 if part.target is None else _count(part.target)
    if facts["train_nonfinite_inputs"]:
        facts["nonfinite_feature"] = int(_find_bad(evaluation.train).any(dim=0).nonzero()[0, 0])
    return repeat(facts, len(evaluation.flat))


def _find_bad(part: Batch) -> Tensor:
    return ~torch.isfinite(part.inputs).flatten(1)


def _count(values: Tensor) -> int:
    return int((~torch.isfinite(values)).flatten(1).any(dim=1).sum()) if values.dim() > 1 else int((~torch.isfinite(values)).sum())
