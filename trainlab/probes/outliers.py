"""Training samples that lie far from all others, and how much of a squared or absolute error they make up."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.probes._facts import repeat
from trainlab.step import Evaluation

FAR = 5.0
GAP = 1.5
NORMAL = 1.4826  # median absolute deviation of a normal distribution to its standard deviation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Of the targets, where numbers are to be predicted, and of the inputs that are numbers.

    The distance of a number is |x - median| / (1.4826 median |x - median|). A sample's distance is the largest over its targets,
    or the median over its inputs that vary: one that stands out as a whole. Outliers are those beyond 5 that a gap parts from the
    rest: the nearest of them is at least 1.5 times as far as the farthest sample left, which the long tail of a skewed feature
    has not.

    Returns:
        target_outliers, input_outliers: `[run]`: how many.
        target_outlier_share, input_outlier_share: `[run]`: their share of the sum of squares about the median; of inputs, the
            median over the features.
        target_outlier_absolute_share: `[run]`: the same of the sum of absolute distances.
        target_outlier, input_outlier: `[run]`: number of the farthest one; NaN if there is none.
    """
    facts: dict[str, float] = {}
    inputs, target = evaluation.train.inputs, evaluation.train.target
    if evaluation.task == "regression" and target is not None:
        off = _measure(target)
        facts |= _describe("target", off, off.amax(dim=1), absolute=True) if off.shape[1] else {}
    if inputs.is_floating_point():
        off = _measure(inputs)
        facts |= _describe("input", off, off.median(dim=1).values, absolute=False) if off.shape[1] else {}
    return repeat(facts, len(evaluation.flat))


def _measure(values: Tensor) -> Tensor:
    """`[sample, number]`: how far each number is from the median; those without a spread are left out."""
    columns = values.cpu().double().flatten(1)
    columns = columns[:, torch.isfinite(columns).all(dim=0)]
    off = (columns - columns.median(dim=0).values).abs()
    spread = NORMAL * off.median(dim=0).values
    return off[:, spread > 0] / spread[spread > 0]


def _describe(name: str, off: Tensor, distance: Tensor, *, absolute: bool) -> dict[str, float]:
    order = distance.argsort(descending=True)
    ranked = distance[order]
    gaps = (ranked[:-1] > FAR) & (ranked[:-1] >= GAP * ranked[1:])
    allowed = gaps[: max(1, len(ranked) // 10)].nonzero()  # a tenth of the samples is no longer an exception
    count = int(allowed[-1, 0]) + 1 if len(allowed) else 0
    chosen = order[:count]
    shares = off[chosen].square().sum(dim=0) / off.square().sum(dim=0)
    facts = {
        f"{name}_outliers": float(count),
        f"{name}_outlier_share": float(shares.amax() if absolute else shares.median()),
        f"{name}_outlier": float(order[0]) if count else torch.nan,
    }
    if absolute:
        facts[f"{name}_outlier_absolute_share"] = float((off[chosen].sum(dim=0) / off.sum(dim=0)).amax())
    return facts
