"""Is one arm of a study better than the base? The difference, its interval, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from trainlab.report import Comparison, Trace

DRAWS = 5000
LEVEL = 0.05
ROUNDING = 1e-9  # an end of an interval that differs from 0 by less is 0


def compare_accuracy(arms: Sequence[Sequence[Trace]], part: str = "test") -> tuple[Comparison, ...]:
    """Accuracy of every arm on one part, next to the first one.

    A bootstrap over seeds and samples at once, paired: an arm and the base are resampled with the same seeds and the same
    samples, so that what both have in common cancels (Efron & Tibshirani, 1993, chapter 8). The corrected interval is widened by
    Holm's (1979) step-down rule over the arms, and the verdict goes by it. Arms without a matching base run are left out.

    Args:
        arms: the traces of each arm, the base first; runs are paired by seed.
        part: `test`, `validation` or `train`.

    Returns:
        One comparison an arm that has `{part}-correct` in common with the base, in order.
    """
    draws: dict[int, np.ndarray] = {}
    means: dict[int, float] = {}
    for position, arm in enumerate(arms[1:], start=1):
        difference = _pair(arms[0], arm, f"{part}-correct")
        if difference is not None:
            draws[position] = _resample(difference)
            means[position] = float(difference.mean())
    levels = _holm({position: _p_value(drawn) for position, drawn in draws.items()})
    return tuple(
        Comparison(
            run=arms[position][0].name,
            metric=f"{part}_accuracy",
            difference=means[position],
            interval=_interval(drawn, LEVEL),
            corrected=_interval(drawn, levels[position]),
            verdict=_judge(_interval(drawn, levels[position])),
        )
        for position, drawn in draws.items()
    )


def _pair(base: Sequence[Trace], arm: Sequence[Trace], name: str) -> np.ndarray | None:
    """Right minus right, `[seed, sample]`, for the seeds that both have."""
    by_seed = {trace.seed: trace.arrays.get(name) for trace in base}
    rows = []
    for trace in arm:
        right, base_right = trace.arrays.get(name), by_seed.get(trace.seed)
        if right is not None and base_right is not None and right.shape == base_right.shape:
            rows.append(np.nan_to_num(right) - np.nan_to_num(base_right))  # a diverged run gets nothing right
    return np.stack(rows) if rows else None


def _resample(difference: np.ndarray) -> np.ndarray:
    stream = np.random.default_rng(0)
    seeds, samples = difference.shape
    rows = stream.multinomial(seeds, np.full(seeds, 1 / seeds), size=DRAWS) / seeds
    columns = stream.multinomial(samples, np.full(samples, 1 / samples), size=DRAWS) / samples
    drawn: np.ndarray = ((rows @ difference) * columns).sum(axis=1)
    return drawn


def _p_value(drawn: np.ndarray) -> float:
    return float(min(1.0, 2 * min((drawn <= 0).mean(), (drawn >= 0).mean())))


def _holm(p_values: dict[int, float]) -> dict[int, float]:
    """The level of each arm: the k-th smallest of m p-values at LEVEL/(m - k + 1); once one fails, the rest fail there too."""
    levels, failed = {}, 0.0
    for rank, (position, p_value) in enumerate(sorted(p_values.items(), key=lambda each: each[1])):
        level = failed or LEVEL / (len(p_values) - rank)
        levels[position] = level
        if p_value > level:
            failed = level
    return levels


def _interval(drawn: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(drawn, [level / 2, 1 - level / 2])
    return float(low), float(high)


def _judge(interval: tuple[float, float]) -> Literal["helps", "no-difference", "harms"]:
    if interval[0] > ROUNDING:
        return "helps"
    return "harms" if interval[1] < -ROUNDING else "no-difference"
