"""Learning rates of one arm next to each other: what each did, which are good, and which is best."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainlab.config import Config
from trainlab.report import Column, Finding, Patch, Table, Trace
from trainlab.settling import find_final_swing, find_settling_epoch
from trainlab.studies._arms import by_arm, drop_fraction, find_end

KEY = "optimizer.lr"
NEAR = 0.02  # of the fall from the first loss: as close as this to the lowest final loss is as good
SAME = 0.01  # of the lowest final loss: among rates this close to it the quickest is the best
SLOW = 3.0  # times the epochs of the quickest, and
LATE = 0.1  # of all epochs: a rate that takes longer than both is too low
MOVES = 1e-3  # a fall by less than this share of the loss is none
POINTS = 200  # of a curve in the table
BESIDE = 1  # rates shown on each side of those that matter where there is little room
CALM = 0.9  # share of the epochs that have to stay below a level once it is reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One rate over all seeds: medians of what its runs did.

    Attributes:
        final: loss over the last tenth of the epochs.
        swing: lowest and highest loss over the last tenth of the epochs.
        settles: the 2 % settling time, measured against the run's own end.
        reached: the epoch from which the loss is near the lowest final loss of the sweep; None if it never is.
        verdict: good, too low, too high, diverged, collapsed, or no progress.
    """

    name: str
    lr: float
    traces: tuple[Trace, ...]
    final: float
    swing: tuple[float, float] | None
    settles: float | None
    reached: float | None
    verdict: str

    @property
    def has_failed(self) -> bool:
        """It cannot be used, as opposed to one that is only too low or too high."""
        return self.verdict.startswith(("diverged", "collapsed", "unstable"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """All rates of one arm.

    Attributes:
        name: of the arm: `base`, or its patch.
        rates: in order.
        best: the one to use; None if none is good.
        tolerance: losses closer than this are the same.
        unfinished: the best rate's loss was still falling fast, and its weights hardly moved.
    """

    name: str
    rates: tuple[Rate, ...]
    best: Rate | None
    tolerance: float
    unfinished: bool


def weigh(
    name: str,
    traces: Sequence[Trace],
    find_failure: Callable[[Sequence[Trace]], str],
    is_unfinished: Callable[[str], bool] = lambda _: False,
) -> Sweep:
    """The rates of one arm.

    Args:
        name: of the arm.
        traces: its runs, every rate with the same seeds.
        find_failure: of the runs at one rate: what makes it unusable, in the words of its verdict; empty if nothing does.
        is_unfinished: of a run's name: whether its loss was still falling fast, and its weights hardly moved.
    """
    arms = dict(sorted(by_arm(traces).items(), key=lambda each: each[1][0].config.optimizer.lr))
    rates = {arm: each[0].config.optimizer.lr for arm, each in arms.items()}
    finals = {arm: float(np.median([find_end(trace) for trace in each])) for arm, each in arms.items()}
    failures = {arm: find_failure(each) for arm, each in arms.items()}
    starts = np.array([trace.series["loss"].values[0] for trace in traces])
    start = float(np.median(starts[~np.isnan(starts)])) if not np.isnan(starts).all() else np.nan
    epochs = max(len(trace.series["loss"].values) for trace in traces)
    swings = {arm: _join([find_final_swing(trace.series["loss"]) for trace in each]) for arm, each in arms.items()}
    sound = [arm for arm in arms if not failures[arm]]
    target = min((finals[arm] for arm in sound), default=np.inf)
    tolerance = NEAR * abs(start - (target if sound else 0.0))
    reached = {arm: _median([_reach(trace, target + tolerance) for trace in each]) for arm, each in arms.items()}
    near = [arm for arm in sound if finals[arm] <= target + tolerance]
    near = [arm for arm in near if _find_top(arms[arm]) <= target + 2 * tolerance] or near
    soon = max(SLOW * min((reached[arm] or epochs for arm in near), default=epochs), LATE * epochs)
    good = [arm for arm in near if (reached[arm] or epochs) <= soon]
    lowest = min((finals[arm] for arm in good), default=np.inf)
    best = min(
        (arm for arm in good if finals[arm] - lowest <= SAME * abs(lowest)),
        key=lambda arm: (reached[arm] or epochs, finals[arm]),
        default=None,
    )
    unfinished = best is not None and is_unfinished(best)
    # Where the highest rate is best and still too low, a higher one would be better, and none was tried.
    arrives = not (unfinished and best == list(arms)[-1])
    learns = arrives and start - target > MOVES * max(abs(start), abs(target))

    def judge(arm: str) -> str:
        if failures[arm] or best is None:
            return failures[arm]
        if not learns:
            return "no progress" if arrives else "too low"
        if arm in good:
            return "good"
        return "too low" if rates[arm] < rates[best] else "too high"

    weighed = tuple(
        Rate(
            name=arm,
            lr=rates[arm],
            traces=tuple(each),
            final=finals[arm],
            swing=swings[arm],
            settles=_median([find_settling_epoch(trace.series["loss"]) for trace in each]),
            reached=reached[arm],
            verdict=judge(arm),
        )
        for arm, each in arms.items()
    )
    chosen = next(rate for rate in weighed if rate.name == best) if best is not None and learns else None
    return Sweep(name=name, rates=weighed, best=chosen, tolerance=tolerance, unfinished=unfinished)


def _find_top(traces: Sequence[Trace]) -> float:
    """The highest loss over the last tenth of the epochs, median over seeds."""
    swings = [find_final_swing(trace.series["loss"]) for trace in traces]
    return float(np.median([np.inf if swing is None else swing[1] for swing in swings]))


def _reach(trace: Trace, level: float) -> int | None:
    """The first epoch at or below `level` from which nine tenths of the epochs are."""
    series = trace.series["loss"]
    if trace.nonfinite is not None or not np.isfinite(level):
        return None
    below = series.values <= level
    share = np.cumsum(below[::-1])[::-1] / np.arange(len(below), 0, -1)
    found = np.flatnonzero(below & (share >= CALM))
    return int(series.at[found[0]]) if len(found) else None


def _median(epochs: Sequence[int | None]) -> float | None:
    """The median, None counting as never; None if that is the median."""
    value = float(np.median([np.inf if epoch is None else epoch for epoch in epochs]))
    return drop_fraction(value) if np.isfinite(value) else None


def _join(swings: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    known = [swing for swing in swings if swing is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def drop_rate(patch: Patch) -> dict[str, Any]:
    """What the patch changes beside the rate: the same for all rates of one arm."""
    return {key: value for key, value in patch.items() if key != KEY}


def list_values(sweep: Sweep) -> dict[str, Any]:
    """The numbers of the answer."""
    good = [rate.lr for rate in sweep.rates if rate.verdict == "good"]
    return {
        "recommended": sweep.best.lr if sweep.best else None,
        "good": [good[0], good[-1]] if good else None,
        "rates": [
            {"lr": rate.lr, "final_loss": rate.final, "settling_epoch": rate.settles, "verdict": rate.verdict}
            for rate in sweep.rates
        ],
    }


def describe(rate: Rate, sweep: Sweep) -> str:
    """What a rate does instead of the best one, in a few words."""
    assert sweep.best is not None
    if rate.has_failed:
        return f"{rate.lr:g} {rate.verdict}"
    if rate.verdict.startswith("too high") and rate.swing is not None and rate.swing[1] - rate.swing[0] > sweep.tolerance:
        return f"{rate.lr:g} never settles ({rate.swing[0]:.4g} to {rate.swing[1]:.4g} at the end)"
    if rate.settles is not None and abs(rate.final - sweep.best.final) <= sweep.tolerance:
        return f"{rate.lr:g} takes until {rate.settles:g}"
    return f"{rate.lr:g} ends at {rate.final:.4g}"


def list_failures(sweep: Sweep) -> str:
    """What each rate does wrong."""
    words: dict[str, list[str]] = {}
    for rate in sweep.rates:
        words.setdefault(rate.verdict, []).append(f"{rate.lr:g}")
    if set(words) == {"no progress"}:
        return f"the loss stays at {sweep.rates[0].final:.4g} whatever the rate, so the fault is elsewhere"
    parts = []
    for word, rates in words.items():
        verb = "" if not word.startswith("too") else "is " if len(rates) == 1 else "are "
        parts.append(f"{', '.join(rates)} {verb}{word}")
    lowest, highest = sweep.rates[0].verdict, sweep.rates[-1].verdict
    return "; ".join(parts) + ("; try higher ones" if highest == "too low" else "; try lower ones" if lowest != "too low" else "")


def say_best(rate: Rate) -> str:
    """The recommendation, and how the rate does."""
    epochs = len(rate.traces[0].series["loss"].values)
    if rate.settles is not None:
        return f"Use a learning rate of {rate.lr:g}: it settles at epoch {rate.settles:g} of {epochs}"
    return f"Use a learning rate of {rate.lr:g}: it ends at a loss of {rate.final:.4g}"


def say_groups(config: Config, lr: float) -> str:
    """The rates of the parameter groups beside the one recommended; they keep their ratios to it."""
    groups = config.optimizer.groups
    if not groups:
        return ""
    return f" Groups keep their ratios: {', '.join(f'{group.match} at {lr * group.lr_scale:.3g}' for group in groups)}."


def say_own(rate: Rate, sweep: Sweep) -> str:
    """How the rate of the config does."""
    return f" The config's own rate: {describe(rate, sweep)}."


def say_floor(sweep: Sweep, chosen: Rate | None, findings: Sequence[Finding]) -> str:
    """That no rate gets the loss below what a linear model reaches, where the one chosen underfits."""
    if chosen is None or not any(each.code == "F002" and each.run == chosen.name for each in findings):
        return ""
    trace = chosen.traces[0]
    linear = trace.metrics.get("linear_loss")
    model = "a straight line" if trace.task == "regression" else "a linear model"
    beside = f", and {model} reaches {linear:.4g}" if linear is not None else ""
    return f" But no rate gets the loss below {min(rate.final for rate in sweep.rates):.5g}{beside}: the network underfits."


def tabulate(sweeps: Sequence[Sweep], told: Collection[float] = ()) -> Table:
    """One row a rate; where there is little room those `told` of elsewhere and others that tell where the band lies."""
    longest = max(len(trace.series["loss"].values) for sweep in sweeps for rate in sweep.rates for trace in rate.traces)
    rows = [
        (
            *([sweep.name] if len(sweeps) > 1 else []),
            rate.lr,
            rate.final,
            _thin(np.median([_stretch(trace, longest) for trace in rate.traces], axis=0)),
            rate.settles,
            f"{rate.swing[0]:.5g} .. {rate.swing[1]:.5g}" if rate.swing else None,
            "best" if rate is sweep.best and [each.verdict for each in sweep.rates].count("good") > 1 else rate.verdict,
        )
        for sweep in sweeps
        for rate in sweep.rates
    ]
    seeds = max(len(rate.traces) for sweep in sweeps for rate in sweep.rates)
    return Table(
        name="rates",
        title="learning rates" + (f" (medians of {seeds} seeds)" if seeds > 1 else ""),
        columns=(
            *([Column(name="run")] if len(sweeps) > 1 else []),
            Column(name="learning rate", kind="number"),
            Column(name="final loss", kind="number"),
            Column(name="loss", kind="curve", priority=2),
            Column(name="settles at epoch", kind="number"),
            Column(name="final swing", priority=1),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
        shown=_choose_rows(sweeps, told),
    )


def _choose_rows(sweeps: Sequence[Sweep], told: Collection[float]) -> tuple[int, ...]:
    """Of one arm the ends, its own rate and those told; the best and both ends of the good ones with their neighbours.

    Of several arms the best of each with its neighbours.
    """
    alone = len(sweeps) == 1
    chosen: set[int] = set()
    start = 0
    for sweep in sweeps:
        rates, last = sweep.rates, len(sweep.rates) - 1
        good = [place for place, rate in enumerate(rates) if rate.verdict == "good"] if alone else []
        kept = {place for place, rate in enumerate(rates) if rate is sweep.best} | {*good[:1], *good[-1:]}
        around = {place + step for place in kept for step in range(-BESIDE, BESIDE + 1)}
        own = {place for place, rate in enumerate(rates) if rate.name == "base" or rate.lr in told}
        ends = {0, last} | own if alone or not kept else set()
        chosen |= {start + min(max(place, 0), last) for place in around | ends}
        start += last + 1
    return tuple(sorted(chosen))


def _thin(curve: np.ndarray) -> list[float]:
    """At most so many points of a curve, the first and the last among them: what a table can show, and ten thousand rates hold."""
    kept = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), POINTS)).round().astype(int))
    return [float(value) for value in curve[kept]]


def _stretch(trace: Trace, length: int) -> np.ndarray:
    """The loss over as many epochs as the longest run had: NaN from where this one ended."""
    values = trace.series["loss"].values
    return np.pad(values, (0, length - len(values)), constant_values=np.nan)
