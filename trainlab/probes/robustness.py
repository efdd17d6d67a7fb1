"""How far the output moves when the inputs are shaken a little."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from trainlab.numerics import to_double
from trainlab.probes._classes import decide
from trainlab.step import Evaluation

SIZE = 0.1
CLOSEST = 1e-7  # to 0 and 1: what float32 can tell


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """On the test part, under Gaussian noise of 0.1 times the spread of each feature, the same for all runs.

    Nothing without a test part, or for tokens.

    Returns:
        shaken: `[run]`: mean absolute change of the output; of shares, of their log odds, which do not stand still at 0 and 1.
        flipped: `[run]`: for classes, the share of samples that get another class.
    """
    part = evaluation.test
    if part is None or not part.inputs.is_floating_point():
        return {}
    drawn = torch.randn(part.inputs.shape, generator=torch.Generator().manual_seed(0)).to(part.inputs)
    shaken = part.inputs + SIZE * part.inputs.std(dim=0, unbiased=False) * drawn
    still, moved = (evaluation.predict(replace(part, inputs=inputs)) for inputs in (part.inputs, shaken))
    read = _find_odds if evaluation.loss == "bce" else to_double
    first, second = read(still), read(moved)
    found = {"shaken": (second - first).abs().flatten(1).mean(dim=1)}
    if evaluation.task in ("binary", "multiclass"):
        changed = decide(still, evaluation.loss) != decide(moved, evaluation.loss)
        found["flipped"] = changed.double().flatten(1).mean(dim=1)
    return found


def _find_odds(shares: Tensor) -> Tensor:
    return torch.logit(to_double(shares), eps=CLOSEST)
