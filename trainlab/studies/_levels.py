"""How much a run has learned, on one scale for classes and numbers, and what a change of it did."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trainlab.report import Trace

LEARNED = 0.95  # of the way from the best constant to a perfect fit of the training part: there is no more to ask why
FITS = 0.8  # of a few samples: one mistake among 16 is allowed
GAIN = 0.1  # a change that takes the training part further by this helps,
HELD_OUT = 0.05  # where it takes the test part further by this: samples learned by heart are no help


def read_mean(arm: Sequence[Trace], name: str) -> float | None:
    """The mean over the seeds; None where one of them has no finite number."""
    values = [value for trace in arm if (value := trace.metrics.get(name)) is not None and math.isfinite(value)]
    return float(np.mean(values)) if arm and len(values) == len(arm) else None


def find_measure(trace: Trace) -> str:
    """What says how well a run does: `accuracy` or `r2`; `loss` where one of the user's own compares in its own way."""
    name = "r2" if trace.task == "regression" else "accuracy"
    return name if trace.nonfinite or f"train_{name}" in trace.metrics else "loss"


def find_level(arm: Sequence[Trace], base: Sequence[Trace], part: str = "train") -> float:
    """0 where an arm does no better than the best constant, or has left the finite numbers; 1 where it makes no mistake.

    Of classes (right - constant)/(1 - constant), where the constant is the share of the most frequent class in the training part of
    the base; of numbers R2; of anything else the share of the base's first loss that is gone. NaN where nothing was measured in
    that part.
    """
    if base and find_measure(base[0]) == "loss":
        return _find_fall(arm, base, part)
    if not arm or not any(f"{part}_{find_measure(trace)}" in trace.metrics for trace in arm):
        return math.nan if arm and not any(trace.nonfinite for trace in arm) else 0.0
    if arm[0].task == "regression":
        return max(0.0, read_mean(arm, f"{part}_r2") or 0.0)
    right, constant = read_mean(arm, f"{part}_accuracy") or 0.0, read_mean(base, "constant_accuracy") or 0.0
    return max(0.0, (right - constant) / (1 - constant)) if constant < 1 else math.nan


def _find_fall(arm: Sequence[Trace], base: Sequence[Trace], part: str) -> float:
    if any(trace.nonfinite for trace in arm):
        return 0.0
    starts = [float(trace.series["batch-loss"].values[0]) for trace in base if "batch-loss" in trace.series]
    start, loss = float(np.mean(starts)) if starts else math.nan, read_mean(arm, f"{part}_loss")
    if loss is None or not start > 0 or loss < 0:
        return math.nan
    return max(0.0, (start - loss) / start)


def find_gain(arm: Sequence[Trace], base: Sequence[Trace]) -> float:
    """How much further the training part got; 0 where the test part did not follow, or nothing is known."""
    gain = find_level(arm, base) - find_level(base, base)
    held_out = find_level(arm, base, "test") - find_level(base, base, "test") if base[0].sizes.get("test") else math.nan
    if math.isnan(gain) or (gain > 0 and held_out < HELD_OUT):
        return 0.0
    return gain


def say_score(trace: Trace, value: float | None) -> str:
    """A share right as `98.7 % right`, an R2 or a loss as a number."""
    if value is None:
        return "not finite"
    if find_measure(trace) == "loss":
        return f"loss {value:.4g}"
    return f"R2 {value:.3g}" if trace.task == "regression" else f"{100 * value:.1f} % right"


def say_gain(trace: Trace, gain: float) -> str:
    """A change of the level."""
    return f"R2 {gain:+.2f}" if trace.task == "regression" else f"{100 * gain:+.0f} %"
