"""The band of learning rates that train: the grid, what to try next, and where its edges lie in each seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from trainlab.report import Column, Table, Trace
from trainlab.studies._arms import find_end, say_seeds, shorten
from trainlab.studies._rates import MOVES, NEAR, Rate, Sweep, weigh

POINTS, LOW, HIGH = 25, 1e-6, 10.0
LOWEST, HIGHEST = 1e-10, 1e5  # no grid is extended beyond these
REACH = 100.0  # how far a grid is extended at a time, as a factor
FINE = 1.6  # neighbours of an edge of the band that lie further apart than this factor get
INSIDE = 2  # so many rates between them
USEFUL = 0.1  # of the fall: a rate that ends this close to the lowest loss is of use; one above the best that does not, unstable
MARGIN = 2.0  # a good rate this factor below the first unstable one is preferred to the best
EARLY = 0.2  # of the epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One edge of a band: the median over seeds, the lowest and the highest; infinite where no rate tried is it."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Where the rates of one arm begin to be of use and cease to be safe. An edge is None if no seed has it.

    Attributes:
        useful: the lowest rate that ends within a tenth of the fall of the lowest loss.
        best: the rate that a sweep of the seed alone would choose.
        stable: the highest rate below the first unstable one.
        unstable: the lowest rate that diverges, collapses, or, above the best, ends further than that from the lowest loss.
    """

    useful: Edge | None
    best: Edge | None
    stable: Edge | None
    unstable: Edge | None


def make_grid(low: float = LOW, high: float = HIGH, points: int = POINTS) -> tuple[float, ...]:
    """Rates evenly spaced in logarithm, with as few digits as keep them apart and evenly so."""
    exact = np.logspace(math.log10(low), math.log10(high), points).tolist()
    step = (high / low) ** (1 / max(1, points - 1))
    digits = 1 if step > 5 else 2
    while step < 1 + 20 * 10.0**-digits:
        digits += 1
    return tuple(dict.fromkeys([low, *(shorten(rate, digits) for rate in exact[1:-1]), high]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What the runs of one arm are measured against.

    Attributes:
        start: loss before training: that of the first epoch at the lowest rate.
        highest: the highest of these, of all seeds: a run that ends above its own start has lost ground, not one above another's.
        floor: the lowest loss that a rate ends at, and
        best: that rate.
        tolerance: a difference in loss that is none.
    """

    start: float
    highest: float
    floor: float
    best: float
    tolerance: float

    @property
    def fall(self) -> float:
        """From start to floor; 0 if there is none."""
        return max(0.0, self.start - self.floor)

    @property
    def moves(self) -> bool:
        """Some rate lowers the loss."""
        return self.fall > MOVES * max(abs(self.start), abs(self.floor))


def find_scale(traces: Sequence[Trace]) -> Scale:
    """From runs at every rate, with one seed or with several: medians over seeds."""
    by_rate: dict[float, list[Trace]] = {}
    for trace in sorted(traces, key=lambda each: each.config.optimizer.lr):
        by_rate.setdefault(trace.config.optimizer.lr, []).append(trace)
    ends = {rate: float(np.median([find_end(trace) for trace in runs])) for rate, runs in by_rate.items()}
    lowest = next(iter(by_rate.values()))
    starts = [float(trace.series["loss"].values[0]) for trace in lowest]
    start = float(np.median(starts))
    best = min(ends, key=ends.__getitem__)
    floor = ends[best] if math.isfinite(ends[best]) else start
    tolerance = max(NEAR * max(0.0, start - floor), MOVES * abs(start))
    return Scale(start=start, highest=max(starts), floor=floor, best=best, tolerance=tolerance)


def find_failure(traces: Sequence[Trace], scale: Scale) -> str:
    """What makes a rate unusable, in the words of its verdict, by what its runs did; empty if nothing does. One seed is enough."""
    words = [fail(trace, scale) for trace in traces]
    failed = [word for word in words if word]
    if not failed:
        return ""
    return say_seeds(max(sorted(set(failed)), key=failed.count), len(failed), len(words))


def fail(trace: Trace, scale: Scale) -> str:
    """What makes one run unusable, in the words of its verdict; empty if nothing does.

    A rate that is too low ends high as well: what a run has lost counts against rates above the best only.
    """
    end = find_end(trace)
    if _is_dead(trace):
        return "collapsed"
    if trace.nonfinite is not None or not math.isfinite(end) or end > scale.highest + scale.tolerance:
        return "diverged"
    if trace.config.optimizer.lr <= scale.best or end <= scale.floor + USEFUL * scale.fall:
        return ""
    constant = trace.metrics.get("constant_loss")
    return "collapsed" if constant is not None and abs(end - constant) <= scale.tolerance else "unstable"


def _is_dead(trace: Trace) -> bool:
    """Every gradient is exactly 0 at the end, and the loss is above that of the best constant."""
    series, constant = trace.series.get("gradient-norm"), trace.metrics.get("constant_loss")
    if series is None or not len(series.values) or constant is None:
        return False
    return trace.nonfinite is None and not series.values[-1].any() and find_end(trace) > constant


def measure_band(traces: Sequence[Trace]) -> Band:
    """The band of one arm, from runs at every rate with every seed."""
    edges = [_find_edges([trace for trace in traces if trace.seed == seed]) for seed in sorted({trace.seed for trace in traces})]
    useful, best, stable, unstable = (_join([each[index] for each in edges]) for index in range(4))
    return Band(useful=useful, best=best, stable=stable, unstable=unstable)


def _find_edges(traces: Sequence[Trace]) -> tuple[float | None, float | None, float | None, float]:
    """Useful, best, highest stable and first unstable rate of one seed; infinite if none is unstable."""
    ordered = sorted(traces, key=lambda trace: trace.config.optimizer.lr)
    scale = find_scale(ordered)
    unstable = next((trace.config.optimizer.lr for trace in ordered if fail(trace, scale)), math.inf)
    sound = {trace.config.optimizer.lr: find_end(trace) for trace in ordered if trace.config.optimizer.lr < unstable}
    stable = max(sound, default=None)
    if not scale.moves or not sound:
        return None, None, stable, unstable
    floor = min(sound.values())
    useful = next(rate for rate, end in sound.items() if end <= floor + USEFUL * (scale.start - floor))
    best = weigh("", ordered, partial(find_failure, scale=scale)).best
    return useful, best.lr if best else None, stable, unstable


def _join(rates: Sequence[float | None]) -> Edge | None:
    known = sorted(rate for rate in rates if rate is not None)
    return Edge(rate=known[(len(known) - 1) // 2], low=known[0], high=known[-1]) if known else None


def find_next(sweep: Sweep) -> tuple[float, ...]:
    """Rates to try beside those of the sweep: beyond the edge that the best lies on, else closer to it and to the first failure."""
    tried = [rate.lr for rate in sweep.rates]
    failed = [rate.lr for rate in sweep.rates if rate.has_failed]
    if sweep.best is None:
        if not failed:
            return _extend(tried, up=True)
        return _extend(tried, up=False) if len(failed) == len(tried) else ()
    best = sweep.best.lr
    if best == tried[-1]:
        return _extend(tried, up=True)
    if best == tried[0]:
        return _extend(tried, up=False)
    place = tried.index(best)
    pairs = [(tried[place - 1], best), (best, tried[place + 1])]
    beyond = [rate for rate in failed if rate > best]
    if beyond:
        pairs.append((tried[tried.index(beyond[0]) - 1], beyond[0]))
    wide = [(low, high) for low, high in dict.fromkeys(pairs) if high / low > FINE]
    between = [shorten(low * (high / low) ** (step / (INSIDE + 1))) for low, high in wide for step in range(1, INSIDE + 1)]
    return tuple(sorted(set(between) - set(tried)))


def _extend(tried: Sequence[float], *, up: bool) -> tuple[float, ...]:
    """The grid going on with its own step for two decades; nothing where that is beyond all reason."""
    low, high = (tried[-1], min(HIGHEST, tried[-1] * REACH)) if up else (max(LOWEST, tried[0] / REACH), tried[0])
    if high <= low:
        return ()
    step = (tried[-1] / tried[0]) ** (1 / max(1, len(tried) - 1)) if len(tried) > 1 else REACH
    points = 1 + max(1, round(math.log(high / low) / math.log(max(step, FINE))))
    return tuple(rate for rate in make_grid(low, high, points) if rate not in tried)


def choose_rate(sweep: Sweep, band: Band) -> float | None:
    """The rate to recommend: the best, or, where that lies close to what fails in some seed, the highest good one that does not."""
    if sweep.best is None:
        return None
    limit = band.unstable.low / MARGIN if band.unstable is not None else math.inf
    if sweep.best.lr <= limit:
        return sweep.best.lr
    safe = [rate.lr for rate in sweep.rates if rate.verdict == "good" and rate.lr <= limit]
    return safe[-1] if safe else sweep.best.lr


def find_early(sweep: Sweep, lr: float) -> Rate | None:
    """A rate above `lr` that is ahead of it early on and stays behind in the end: right at first, too high late."""
    own = next(rate for rate in sweep.rates if rate.lr == lr)
    epochs = len(own.traces[0].series["loss"].values)
    at = max(1, round(EARLY * epochs))
    if epochs < 2 * at + 1:
        return None

    def read(rate: Rate) -> float:
        values = [trace.series["loss"].values[at - 1 : at + max(1, at // 4)] for trace in rate.traces]
        return float(np.median([np.median(each) if len(each) else np.inf for each in values]))

    ahead = [
        rate
        for rate in sweep.rates
        if rate.lr > lr
        and not rate.verdict.startswith(("diverged", "collapsed"))
        and rate.final > own.final + sweep.tolerance
        and read(rate) < read(own) - sweep.tolerance
    ]
    return min(ahead, key=read, default=None)


def tabulate_band(band: Band, recommended: float | None, seeds: int) -> Table:
    """The edges of one band, one a row."""
    edges = (
        ("lowest useful", band.useful),
        ("best", band.best),
        ("highest stable", band.stable),
        ("first unstable", band.unstable),
    )
    return Table(
        name="band",
        title="the band of learning rates",
        columns=(
            Column(name="rate"),
            Column(name="learning rate", kind="number"),
            Column(name=f"over {seeds} seeds" if seeds > 1 else "range"),
        ),
        rows=(*((word, *_say_edge(edge)) for word, edge in edges), ("recommended", recommended, "")),
    )


def tabulate_bands(bands: Mapping[str, Band], recommended: Mapping[str, float | None], finals: Mapping[str, float | None]) -> Table:
    """The bands of several arms, one a row: medians over seeds."""
    edges = ("useful", "best", "stable", "unstable")
    return Table(
        name="bands",
        title="the bands of learning rates, each run at its own",
        columns=(
            Column(name="run"),
            Column(name="recommended", kind="number"),
            Column(name="final loss", kind="number"),
            Column(name="lowest useful", kind="number", priority=2),
            Column(name="best", kind="number", priority=1),
            Column(name="highest stable", kind="number", priority=3),
            Column(name="first unstable", kind="number", priority=4),
        ),
        rows=tuple(
            (name, recommended[name], finals[name], *(_say_edge(getattr(band, edge))[0] for edge in edges))
            for name, band in bands.items()
        ),
    )


def _say_edge(edge: Edge | None) -> tuple[float | None, str]:
    if edge is None or not math.isfinite(edge.low):
        return None, "no rate tried"
    high = f"{edge.high:g}" if math.isfinite(edge.high) else "none"
    spread = f"{edge.low:g} .. {high}" if edge.high != edge.low else "the same"
    return (edge.rate if math.isfinite(edge.rate) else None), spread
