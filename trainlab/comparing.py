"""Is one arm of a study better than the base? The difference, its interval, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np

from trainlab.report import Comparison, Trace

DRAWS = 5000
LEVEL = 0.05
ROUNDING = 1e-9  # an end of an interval that differs from 0 by less is 0


SCORES = {"correct": "accuracy", "fit": "r2", "balanced": "balanced_accuracy"}
"""Arrays `[sample]` whose mean is a metric, and the metric, both of them of a part."""
CHUNK = 2**22  # numbers drawn at a time: bounds memory


def compare_accuracy(
    arms: Sequence[Sequence[Trace]], part: str = "test", score: str | None = None, family: int = 0
) -> tuple[Comparison, ...]:
    """Accuracy on one part, or R2 where numbers are predicted, of every arm next to the first one.

    A bootstrap over seeds and samples at once, paired: an arm and the base are resampled with the same seeds and the same
    samples, so that what both have in common cancels (Efron & Tibshirani, 1993, chapter 8). The folds of one seed are one test
    part. Of R2, the spread of the targets counts as known. The corrected interval is widened by Holm's (1979) step-down rule over
    the arms, and the verdict goes by it. Arms without a matching base run are left out.

    Args:
        arms: the traces of each arm, the base first; runs are paired by seed and fold.
        part: `test`, `validation` or `train`.
        score: a key of SCORES; None for accuracy, or R2.
        family: how many comparisons to correct for, where there are more than these: all pairs, say.

    Returns:
        One comparison an arm that has `{part}-correct` or `{part}-fit` in common with the base, in order.
    """
    score = score or next((score for score in SCORES if any(f"{part}-{score}" in trace.arrays for trace in arms[0])), "correct")
    differences = {position: _pair(arms[0], arm, f"{part}-{score}") for position, arm in enumerate(arms[1:], start=1)}
    found = {position: difference for position, difference in differences.items() if difference is not None}
    draws = _resample(found)
    levels = _holm({position: _p_value(drawn) for position, drawn in draws.items()}, family)
    return tuple(
        Comparison(
            run=arms[position][0].name,
            metric=f"{part}_{SCORES[score]}",
            difference=float(found[position].mean()),
            interval=_interval(drawn, LEVEL),
            corrected=_interval(drawn, levels[position]),
            verdict=_judge(_interval(drawn, levels[position])),
        )
        for position, drawn in draws.items()
    )


def compare_numbers(
    arms: Mapping[str, Mapping[int, float]], metric: str, *, higher: bool = True, family: int = 0
) -> tuple[Comparison, ...]:
    """A number of every arm next to the first one: Student's t over the seeds, paired, Holm's correction over the arms.

    Args:
        arms: the number by seed, by name; the first is what the others are set beside.
        metric: what the number is.
        higher: whether more of it is better.
        family: see `compare_accuracy`.

    Returns:
        One comparison an arm that has two seeds or more in common with the first.
    """
    (against, base), *others = arms.items()
    paired = {name: np.array([value - base[seed] for seed, value in arm.items() if seed in base]) for name, arm in others}
    paired = {name: differences for name, differences in paired.items() if len(differences) > 1}
    levels = _holm({place: _student_p(differences) for place, differences in enumerate(paired.values())}, family)
    told = []
    for place, (name, differences) in enumerate(paired.items()):
        corrected = student(differences, levels[place])
        verdict = _judge(corrected if higher else (-corrected[1], -corrected[0]))
        told.append(
            Comparison(
                run=name,
                metric=metric,
                difference=float(differences.mean()),
                interval=student(differences, LEVEL),
                corrected=corrected,
                verdict=verdict,
                against=against,
            )
        )
    return tuple(told)


def widen(comparisons: Sequence[Comparison], by: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Each comparison with intervals that hold those of `by` as well; one that is not in `by` is left out.

    A bootstrap over three seeds draws none beyond them: where the seeds differ more than the samples, its interval is too narrow,
    and Student's is not.
    """
    others = {each.run: each for each in by}
    found = []
    for each in comparisons:
        if other := others.get(each.run):
            corrected = _join(each.corrected, other.corrected)
            found.append(
                replace(each, interval=_join(each.interval, other.interval), corrected=corrected, verdict=_judge(corrected))
            )
    return tuple(found)


def _join(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])


def _average(differences: np.ndarray) -> tuple[float, float]:
    """Mean and standard error."""
    return float(differences.mean()), float(differences.std(ddof=1)) / len(differences) ** 0.5


def student(differences: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Student's (1908) interval of the mean of two differences or more, which misses it in `level` of all cases."""
    from scipy.special import stdtrit  # which not every command needs

    middle, error = _average(differences)
    half = float(stdtrit(len(differences) - 1, 1 - level / 2)) * error
    return middle - half, middle + half


def _student_p(differences: np.ndarray) -> float:
    from scipy.special import stdtr

    middle, error = _average(differences)
    if not error:
        return float(middle == 0)
    return float(2 * stdtr(len(differences) - 1, -abs(middle) / error))


def _pair(base: Sequence[Trace], arm: Sequence[Trace], name: str) -> np.ndarray | None:
    """Score minus score, `[seed, sample]`, for the seeds that both have in every fold of the arm."""
    theirs = {_key(trace): trace.arrays.get(name) for trace in base}
    seeds: dict[int, list[np.ndarray]] = {}
    lacking: set[int] = set()
    for trace in sorted(arm, key=_key):
        own, other = trace.arrays.get(name), theirs.get(_key(trace))
        if own is None or other is None or own.shape != other.shape:
            lacking.add(trace.seed)
        else:
            seeds.setdefault(trace.seed, []).append(_count(own) - _count(other))
    rows = [np.concatenate(parts) for seed, parts in seeds.items() if seed not in lacking]
    longest = max(map(len, rows), default=0)  # a seed whose training was broken off has fewer folds
    rows = [row for row in rows if len(row) == longest]
    return np.stack(rows) if rows else None


def _key(trace: Trace) -> tuple[int, int]:
    return trace.seed, getattr(trace.config.data, "fold", 0)


def _count(scores: np.ndarray) -> np.ndarray:
    """A diverged run gets nothing right, and no number nearer than the mean does."""
    found: np.ndarray = np.nan_to_num(scores, posinf=0.0, neginf=0.0)
    return found


def _resample(differences: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """The mean of each difference, `[DRAWS]`, in resamples of its seeds and its samples; equal shapes have equal resamples."""
    drawn = {position: np.empty(DRAWS) for position in differences}
    for shape in dict.fromkeys(each.shape for each in differences.values()):
        for start, rows, columns in _keep_draws(*shape) if DRAWS * shape[1] <= CHUNK else _draw(*shape):
            for position, difference in differences.items():
                if difference.shape == shape:
                    drawn[position][start : start + len(rows)] = ((rows @ difference) * columns).sum(axis=1)
    return drawn


def _draw(seeds: int, samples: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """How often each seed and each sample is in a resample, as shares; a chunk of resamples at a time, and where it starts."""
    stream = np.random.default_rng(0)
    rows = stream.multinomial(seeds, np.full(seeds, 1 / seeds), size=DRAWS) / seeds
    step = max(1, CHUNK // samples)
    for start in range(0, DRAWS, step):
        some = rows[start : start + step]
        yield start, some, stream.multinomial(samples, np.full(samples, 1 / samples), size=len(some)) / samples


@lru_cache(maxsize=2)
def _keep_draws(seeds: int, samples: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """For a study that compares many pairs: to draw costs more than all the rest."""
    return list(_draw(seeds, samples))


def _p_value(drawn: np.ndarray) -> float:
    return float(min(1.0, 2 * min((drawn <= 0).mean(), (drawn >= 0).mean())))


def _holm(p_values: dict[int, float], family: int = 0) -> dict[int, float]:
    """The level of each arm: the k-th smallest of m p-values at LEVEL/(m - k + 1); once one fails, the rest fail there too."""
    levels, failed = {}, 0.0
    for rank, (position, p_value) in enumerate(sorted(p_values.items(), key=lambda each: each[1])):
        level = failed or LEVEL / (max(family, len(p_values)) - rank)
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
