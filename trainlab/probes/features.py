"""How large the numbers are that the network receives, and how different from feature to feature."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.probes._facts import repeat
from trainlab.step import Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Of the training inputs; nothing of tokens, nor where no feature varies.

    A feature is a column, a step's number, or a channel of an image. Those that never change are left out, and so are values that
    are not finite.

    Returns:
        feature_level: `[run]`, the largest root mean square of a feature.
        feature_spread: `[run]`, that over the median standard deviation of the features.
        feature_power: `[run]`, mean squared norm of a sample.
        feature_count: `[run]`, numbers a sample.
        feature_largest: `[run]`, number of the feature with that level.
    """
    inputs = evaluation.train.inputs
    if not inputs.is_floating_point():
        return {}
    columns = inputs.cpu().double()
    columns = columns.movedim(1, -1).flatten(0, -2) if columns.dim() == 4 else columns.flatten(1)
    finite = torch.isfinite(columns)
    count = finite.sum(dim=0).clamp(min=1)
    known = torch.where(finite, columns, 0.0)
    mean = known.sum(dim=0) / count
    std = (torch.where(finite, columns - mean, 0.0).square().sum(dim=0) / count).sqrt()
    level = (mean.square() + std.square()).sqrt()
    varies = std > 1e-6 * level
    if not bool(varies.any()):
        return {}
    largest = int(torch.where(varies, level, -1.0).argmax())
    return repeat(
        {
            "feature_level": float(level[largest]),
            "feature_spread": float(level[largest] / std[varies].median()),
            "feature_power": float(level.square().sum()) * inputs[0].numel() / columns.shape[1],
            "feature_count": inputs[0].numel(),
            "feature_largest": largest,
        },
        len(evaluation.flat),
    )
