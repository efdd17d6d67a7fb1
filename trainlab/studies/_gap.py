"""How far the training part is from the test part: the gap, its interval, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainlab.intervals import Interval, mean_square, newcombe, subtract
from trainlab.report import Finding, Skipped, Trace
from trainlab.studies._arms import mean, say_seeds


def read_parts(traces: Sequence[Trace]) -> tuple[float | None, float | None]:
    """Mean accuracy, or R2, on the training and on the test part."""
    measure = name_measure(traces)
    return mean(traces, f"train_{measure}"), mean(traces, f"test_{measure}")


def name_measure(traces: Sequence[Trace]) -> str:
    """`accuracy`, or `r2` where numbers are predicted."""
    return "r2" if traces[0].task == "regression" else "accuracy"


def gap_interval(traces: Sequence[Trace]) -> Interval | None:
    """95 % interval of train minus test: for the samples of one seed; the mean over seeds of its ends.

    Of accuracy Newcombe's; of R2 the same construction over intervals of the two mean squared errors that allow for heavy-tailed
    errors. The folds of a seed are one test part.
    """
    seeds: dict[int, list[Trace]] = {}
    for trace in traces:
        seeds.setdefault(trace.seed, []).append(trace)
    ends = [_find_interval(folds) for folds in seeds.values()]
    if not all(ends):
        return None
    low, high = np.mean([end for end in ends if end], axis=0)
    return float(low), float(high)


def _find_interval(folds: Sequence[Trace]) -> Interval | None:
    kind = "fit" if folds[0].task == "regression" else "correct"
    parts = {part: [fold.arrays.get(f"{part}-{kind}") for fold in folds] for part in ("train", "test")}
    if any(scores is None or not np.isfinite(scores).all() for part in parts.values() for scores in part):
        return None
    train, test = (np.concatenate([scores for scores in part if scores is not None]) for part in parts.values())
    size = len(train) // len(folds)  # every sample but those of one fold, again and again
    if kind == "correct":
        return newcombe((train.mean() * size, size), (test.sum(), len(test)))
    (low, high), (other_low, other_high) = mean_square(1 - train.mean(), size), mean_square(1 - test.mean(), len(test))
    return subtract(train.mean(), (1 - high, 1 - low), test.mean(), (1 - other_high, 1 - other_low))


def judge_base(base: Sequence[Trace], findings: Sequence[Finding], skipped: Sequence[Skipped]) -> str:
    """What is to be said of the base, in the words that begin the answer."""
    own = {each.code: each for each in findings if each.run == base[0].name}
    if {"G006", "L003"} & own.keys():
        return "The network diverges"
    if "F002" in own:
        return "The network underfits"
    if "F001" in own:
        return say_seeds("The network overfits", own["F001"].seeds["held"], own["F001"].seeds["of"])
    unsure = any(each.code == "F001" and each.run == base[0].name for each in skipped)
    return "Whether the network overfits is not certain" if unsure else "The network does not overfit"


def count_tested(traces: Sequence[Trace]) -> int:
    """Test samples of one seed, over all its folds."""
    return sum(trace.sizes.get("test", 0) for trace in traces if trace.seed == traces[0].seed)


def say_gap(base: Sequence[Trace], train: float, test: float, interval: Interval | None) -> str:
    """`100.0 % right on the training part, ..., a gap of 18.0 points (...)`."""
    samples = count_tested(base)
    if base[0].task == "regression":
        span = f"95 % interval {interval[0]:.2g} to {interval[1]:.2g}, " if interval else ""
        parts = f"R2 is {train:.3g} on the training part and {test:.3g} on the test part"
        return f"{parts}, a gap of {train - test:.3g} ({span}{samples} test samples)"
    span = f"95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f}, " if interval else ""
    return (
        f"{100 * train:.1f} % right on the training part, {100 * test:.1f} % on the test part, "
        f"a gap of {100 * (train - test):.1f} points ({span}{samples} test samples)"
    )
