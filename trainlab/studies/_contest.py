"""Which of several arms is best in one measure, whether that is more than noise, and what each factor does on its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from trainlab.comparing import compare_accuracy, compare_numbers, widen
from trainlab.report import Comparison, Trace
from trainlab.studies._arms import find_end, shorten
from trainlab.studies._grid import Cell, Grid, say_level
from trainlab.studies._standing import LEAST, is_signed, read_loss

By = Literal["score", "loss", "updates"]
WINDOW = 512  # samples whose losses are averaged, so that a batch of 8 is no noisier than one of 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What decides.

    Attributes:
        by: `score`, the share right or R2; `loss`, of the training part at the end; `updates`, to the target loss.
        part: of the data, of a score.
        metric: its name in the report.
        target: the loss to reach; None where none can be.
        longest: updates of the longest run, which is what one counts for that never gets there.
        is_signed: some losses are below 0, as a likelihood of your own may be: they have no logarithm.
    """

    by: By
    part: str
    metric: str
    target: float | None = None
    longest: int = 1
    is_signed: bool = False

    @property
    def higher(self) -> bool:
        """Whether more is better."""
        return self.by == "score"

    def read(self, trace: Trace) -> float:
        """On a scale where differences mean the same everywhere: a share or R2 as it is, a loss or a count as its logarithm.

        A loss that may be below 0 stays as it is.
        """
        if self.by == "score":
            value = trace.metrics.get(self.metric)
            return value if value is not None and trace.nonfinite is None else 0.0
        if self.by == "loss":
            loss = read_loss(trace, self.metric)
            return loss if self.is_signed else math.log(max(loss, LEAST))
        return math.log(find_reach(trace, self.target) or self.longest)

    def restore(self, value: float) -> float:
        """A mean of what was read, as people know it."""
        return math.exp(value) if self.is_log else value

    @property
    def is_log(self) -> bool:
        """What is read is a logarithm, and a difference of two a ratio."""
        return self.by == "updates" or (self.by == "loss" and not self.is_signed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One cell with its runs, one a seed, and what it reaches: the mean over them, of a loss or a count the geometric one.

    Attributes:
        reach: updates to the target, the geometric mean over the seeds; None if one of them never gets there.
    """

    cell: Cell
    runs: tuple[Trace, ...]
    value: float
    reach: float | None

    @property
    def name(self) -> str:
        """Of its runs."""
        return self.runs[0].name


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The entrants, the best first, and each of the others next to it.

    Attributes:
        comparisons: with the first one, by name.
        tied: those that cannot be told from the first one by more than noise, itself included.
    """

    measure: Measure
    entrants: tuple[Entrant, ...]
    comparisons: Mapping[str, Comparison]
    tied: tuple[Entrant, ...]

    @property
    def is_won(self) -> bool:
        """The first one beats every other one beyond noise."""
        return len(self.tied) == 1 and len(self.entrants) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One value of one factor: the mean over the combinations that all its values have, and next to its first value."""

    factor: str
    word: str
    value: float
    comparison: Comparison | None


def choose_measure(traces: Sequence[Trace], by: By | None, target: float | None) -> Measure:
    """The one asked for; without a word the score where there is one, else the loss.

    A score is that of the validation part where there is one, else of the test part, else of the training part.
    """
    kind = "r2" if traces[0].task == "regression" else "accuracy"
    parts = [part for part in ("validation", "test", "train") if any(f"{part}_{kind}" in trace.metrics for trace in traces)]
    if by is None:
        by = "score" if parts else "loss"
    longest = max(trace.planned for trace in traces)
    if by == "score" and parts:
        return Measure(by=by, part=parts[0], metric=f"{parts[0]}_{kind}", target=target, longest=longest)
    metric = "updates_to_target" if by == "updates" and target is not None else "train_loss"
    return Measure(
        by="updates" if metric != "train_loss" else "loss",
        part="train",
        metric=metric,
        target=target,
        longest=longest,
        is_signed=is_signed(traces),
    )


def find_target(arms: Sequence[Sequence[Trace]]) -> float | None:
    """The loss that all runs reach which get at least half way: the highest that one of them ends at.

    None where losses differ in kind, or nothing is learned.
    """
    runs = [trace for arm in arms for trace in arm if "loss" in trace.series]
    if len({trace.config.loss for trace in runs}) != 1:
        return None
    ends = [find_end(trace) for trace in runs]
    starts = [trace.series["loss"].values[0] for trace in runs]
    start, best = float(np.median([each for each in starts if np.isfinite(each)] or [np.nan])), min(ends)
    reached = [end for end in ends if end <= (start + best) / 2]
    return shorten(max(reached)) if reached and best < start else None


def find_reach(trace: Trace, target: float | None) -> int | None:
    """The first update at which the loss of the last 512 samples, or of one batch that is larger, is at most `target`."""
    series = trace.series.get("batch-loss")
    if target is None or series is None or trace.nonfinite is not None:
        return None
    samples, config = trace.sizes.get("train", 1), trace.config.train
    size = min(config.batch_size or samples, samples) * config.accumulate
    window = min(math.ceil(min(samples, WINDOW) / size), len(series.values))
    sums = np.cumsum(np.concatenate([[0.0], series.values]))
    found = np.flatnonzero((sums[window:] - sums[:-window]) / window <= target)
    return int(series.at[found[0] + window - 1]) if len(found) else None


def hold(measure: Measure, cells: Sequence[Cell], arms: Mapping[str, Sequence[Trace]]) -> Contest:
    """Set the cells that have runs next to the one that reaches most.

    That one was chosen by what it reaches. To beat all others by more than noise is hard all the same, and is corrected for their
    number; where it does not, one of many that seems worse may only be the end of the row, and is corrected for all pairs.
    """
    entrants = [_enter(measure, cell, arms[cell.arm.name]) for cell in cells if arms.get(cell.arm.name)]
    entrants.sort(key=lambda each: -each.value if measure.higher else each.value)
    readings = {each.name: read(measure, each.runs) for each in entrants}
    compared = compare(measure, readings)
    if not all(_is_worse(compared.get(each.name)) for each in entrants[1:]):
        compared = compare(measure, readings, family=math.comb(len(entrants), 2))
    tied = tuple(each for each in entrants if each is entrants[0] or not _is_worse(compared.get(each.name)))
    return Contest(measure=measure, entrants=tuple(entrants), comparisons=compared, tied=tied)


def _is_worse(comparison: Comparison | None) -> bool:
    return comparison is not None and comparison.verdict == "harms"


def _enter(measure: Measure, cell: Cell, runs: Sequence[Trace]) -> Entrant:
    reaches = [find_reach(trace, measure.target) for trace in runs]
    known = [math.log(each) for each in reaches if each]
    return Entrant(
        cell=cell,
        runs=tuple(runs),
        value=measure.restore(float(np.mean([measure.read(trace) for trace in runs]))),
        reach=math.exp(float(np.mean(known))) if known and len(known) == len(reaches) else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one run reaches, or the mean of several with one seed: the number, and of a score the samples, as a trace has them."""

    seed: int
    value: float
    trace: Trace


def read(measure: Measure, runs: Sequence[Trace]) -> list[Reading]:
    """One a run."""
    return [Reading(seed=trace.seed, value=measure.read(trace), trace=trace) for trace in runs]


def compare(measure: Measure, arms: Mapping[str, Sequence[Reading]], family: int = 0) -> dict[str, Comparison]:
    """Every arm next to the first: over the seeds and, of a score, over the samples as well, whichever is the wider; by name."""
    if not arms:
        return {}
    metric = f"log_{measure.metric}" if measure.is_log else measure.metric
    numbers = {name: {each.seed: each.value for each in readings} for name, readings in arms.items()}
    told = compare_numbers(numbers, metric, higher=measure.higher, family=family)
    if measure.by == "score":
        named = [[replace(each.trace, name=name) for each in readings] for name, readings in arms.items()]
        against = next(iter(arms))
        told = widen([replace(each, against=against) for each in compare_accuracy(named, measure.part, family=family)], told)
    return {each.run: each for each in told}


def weigh_factors(measure: Measure, grid: Grid, arms: Mapping[str, Sequence[Trace]]) -> list[list[Level]]:
    """Of each factor its values: the mean over the combinations with the other factors that all of them have, paired by seed."""
    inside = {cell.places: arms[cell.arm.name] for cell in grid.cells if cell.places and arms.get(cell.arm.name)}
    found = []
    for place, (word, values) in enumerate(zip(grid.words, grid.factors.values(), strict=True)):
        rest = dict.fromkeys((*places[:place], *places[place + 1 :]) for places in inside)
        rows = [[(*others[:place], level, *others[place:]) for level in range(len(values))] for others in rest]
        whole = [row for row in rows if all(places in inside for places in row)]
        means = {say_level(value): _average(measure, [inside[row[level]] for row in whole]) for level, value in enumerate(values)}
        compared = compare(measure, means) if whole else {}
        found.append(
            [
                Level(
                    factor=word,
                    word=name,
                    value=measure.restore(float(np.mean([each.value for each in readings]))),
                    comparison=compared.get(name),
                )
                for name, readings in means.items()
                if readings
            ]
        )
    return found


def _average(measure: Measure, cells: Sequence[Sequence[Trace]]) -> list[Reading]:
    """The mean over the cells, for each seed that all of them have."""
    name = f"{measure.part}-{'fit' if measure.metric.endswith('r2') else 'correct'}"
    by_seed: dict[int, list[Trace]] = {}
    for runs in cells:
        for trace in runs:
            by_seed.setdefault(trace.seed, []).append(trace)
    found = []
    for seed, runs in by_seed.items():
        if len(runs) == len(cells):
            scores = [np.nan_to_num(trace.arrays[name]) for trace in runs if name in trace.arrays]
            arrays = {name: np.mean(scores, axis=0)} if len(scores) == len(runs) else {}
            value = float(np.mean([measure.read(trace) for trace in runs]))
            found.append(Reading(seed=seed, value=value, trace=replace(runs[0], arrays=arrays)))
    return found
