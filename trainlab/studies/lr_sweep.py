"""Which learning rate, and how wide is the safe band?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainlab.config import Config, name_patch
from trainlab.plan import Arm, Conclusion, Options, Plan
from trainlab.report import Answer, Column, Finding, Skipped, Table, Trace
from trainlab.settling import find_final_swing, find_settling_epoch
from trainlab.studies._arms import by_arm, count_held, drop_fraction, find_end, make_arm, plan_runs, say_seeds

PROBES = ("accuracy", "baselines", "gradient-norm")
FACTS = ("unscaled-features", "non-finite-data", "loss-mismatch", "output-mismatch", "loss-broadcast")
RULES = ("learning-rate-too-high", "learning-rate-too-low", "diverged", "non-finite", "underfitting", *FACTS)
GRID = tuple(float(f"{rate:.1e}") for rate in np.logspace(-5, 1, 13))
KEY = "optimizer.lr"
NEAR = 0.02  # of the fall from the first loss: as close as this to the lowest final loss is as good
SAME = 0.01  # of the lowest final loss: among rates this close to it the quickest is the best
SLOW = 3.0  # times the epochs of the quickest, and
LATE = 0.1  # of all epochs: a rate that takes longer than both is too low
MOVES = 1e-3  # a fall by less than this share of the loss is none
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


def first(config: Config, options: Options) -> Plan:  # noqa: ARG001  # the base is the first of the arms
    """Every arm with its own rates, every seed.

    An arm that changes the rate alone is a rate to try. Without any, it is a grid of half decades; `lr` has the last word. An arm's
    own rate is always among them unless `lr` leaves it out; the base's own rate is the run `base`.
    """
    given = options.chosen.get("lr")
    listed = [arm.config.optimizer.lr for arm in options.arms[1:] if list(arm.patch) == [KEY]]
    arms: list[Arm] = []
    for arm in options.arms:
        if list(arm.patch) == [KEY]:
            continue
        own = arm.config.optimizer.lr
        rates = list(given or sorted({own, *(listed or GRID)} - {0.0}))
        if not arm.patch:
            if own not in rates:
                own = rates[0]
                arm = replace(arm, config=make_arm(arm.config, {KEY: own}).config)  # noqa: PLW2901  # as if it had been set so
            arms.append(arm)
            rates.remove(own)
        arms += [make_arm(arm.config, {KEY: rate}, arm.patch) for rate in rates]
    return Plan(runs=plan_runs(arms, options.seeds), probes=PROBES, rules=RULES)


def then(config: Config, options: Options, traces: Sequence[Trace]) -> None:  # noqa: ARG001  # one plan is enough
    """Nothing more."""
    return


def conclude(
    config: Config,  # noqa: ARG001  # one signature for all studies
    options: Options,  # noqa: ARG001
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],  # noqa: ARG001
) -> Conclusion:
    """The rates of each arm in order with their verdicts, and the one to use."""
    arms: dict[str, list[Trace]] = {}
    for trace in traces:
        arms.setdefault(name_patch({key: value for key, value in trace.patch.items() if key != KEY}) or "base", []).append(trace)
    sweeps = [_sweep(name, each, findings) for name, each in arms.items()]
    # What a rejected rate did is a row of the table; a finding is what is wrong with the network at the rate recommended.
    about = {each.best.name for each in sweeps if each.best} | ({"base"} if sweeps[0].best is None else set())
    kept = tuple(each for each in findings if each.run in about)
    return Conclusion(answer=_answer(sweeps, kept), tables=(_tabulate(sweeps),), findings=kept)


def _sweep(name: str, traces: Sequence[Trace], findings: Sequence[Finding]) -> Sweep:
    arms = dict(sorted(by_arm(traces).items(), key=lambda each: each[1][0].config.optimizer.lr))
    rates = {arm: each[0].config.optimizer.lr for arm, each in arms.items()}
    finals = {arm: float(np.median([find_end(trace) for trace in each])) for arm, each in arms.items()}
    failures = {arm: _find_failure(arm, each, findings) for arm, each in arms.items()}
    start = float(np.nanmedian([trace.series["loss"].values[0] for trace in traces]))
    epochs = max(len(trace.series["loss"].values) for trace in traces)
    swings = {arm: _join([find_final_swing(trace.series["loss"]) for trace in each]) for arm, each in arms.items()}
    sound = [arm for arm in arms if not failures[arm]]
    target = min((finals[arm] for arm in sound), default=np.inf)
    tolerance = NEAR * abs(start - (target if sound else 0.0))
    reached = {arm: _median([_reach(trace, target + tolerance) for trace in each]) for arm, each in arms.items()}
    near = [arm for arm in sound if finals[arm] <= target + tolerance]
    near = [arm for arm in near if (swing := swings[arm]) and swing[1] <= target + 2 * tolerance] or near
    soon = max(SLOW * min((reached[arm] or epochs for arm in near), default=epochs), LATE * epochs)
    good = [arm for arm in near if (reached[arm] or epochs) <= soon]
    lowest = min((finals[arm] for arm in good), default=np.inf)
    best = min(
        (arm for arm in good if finals[arm] - lowest <= SAME * abs(lowest)),
        key=lambda arm: (reached[arm] or epochs, finals[arm]),
        default=None,
    )
    unfinished = best is not None and count_held(findings, best, {"L002"}) > 0
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


def _find_failure(arm: str, traces: Sequence[Trace], findings: Sequence[Finding]) -> str:
    """What makes a rate unusable, in the words of its verdict; empty if nothing does. One seed is enough."""
    dead = sum(map(_is_dead, traces))
    for word, held in (
        ("diverged", count_held(findings, arm, {"L003", "G006"})),
        ("collapsed", dead),
        ("too high", count_held(findings, arm, {"L001"})),
    ):
        if held:
            return say_seeds(word, held, len(traces))
    return ""


def _is_dead(trace: Trace) -> bool:
    """Every gradient is exactly 0 at the end, and the loss is above that of the best constant."""
    series, constant = trace.series.get("gradient-norm"), trace.metrics.get("constant_loss")
    if series is None or not len(series.values) or constant is None:
        return False
    return not series.values[-1].any() and find_end(trace) > constant


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


def _answer(sweeps: Sequence[Sweep], findings: Sequence[Finding]) -> Answer:
    base, *others = sweeps
    values = _list_values(base)
    if others:
        values["arms"] = {sweep.name: _list_values(sweep) for sweep in others}
    text = _recommend(base)
    if base.best is not None and any(each.code == "F002" and each.run == base.best.name for each in findings):
        trace = base.best.traces[0]
        linear = trace.metrics.get("linear_loss")
        model = "a straight line" if trace.task == "regression" else "a linear model"
        beside = f", and {model} reaches {linear:.4g}" if linear is not None else ""
        text += f" But no rate gets the loss below {min(rate.final for rate in base.rates):.5g}{beside}: the network underfits."
    for sweep in others:
        best = sweep.best
        text += f" With {sweep.name}: " + (f"{best.lr:g}, ending at {best.final:.4g}." if best else f"{_list_failures(sweep)}.")
    return Answer(text=text, values=values)


def _list_values(sweep: Sweep) -> dict[str, Any]:
    good = [rate.lr for rate in sweep.rates if rate.verdict == "good"]
    return {
        "recommended": sweep.best.lr if sweep.best else None,
        "good": [good[0], good[-1]] if good else None,
        "rates": [
            {"lr": rate.lr, "final_loss": rate.final, "settling_epoch": rate.settles, "verdict": rate.verdict}
            for rate in sweep.rates
        ],
    }


def _recommend(sweep: Sweep) -> str:
    """What to do, and how the rates next to the good ones fare."""
    best, rates = sweep.best, sweep.rates
    if best is None:
        return f"None of the rates tried is good: {_list_failures(sweep)}."
    epochs = len(best.traces[0].series["loss"].values)
    parts = [
        f"Use a learning rate of {best.lr:g}: "
        + (
            f"it settles at epoch {best.settles:g} of {epochs}"
            if best.settles is not None
            else f"it ends at a loss of {best.final:.4g}"
        )
    ]
    good = [rate.lr for rate in rates if rate.verdict == "good"]
    beside = [f"{good[0]:g} to {good[-1]:g} are good"] if len(good) > 1 else []
    lower = [rate for rate in rates if rate.lr < good[0]]
    higher = [rate for rate in rates if rate.lr > good[-1]]
    told = [*lower[-1:], *higher[:1]]
    beside += [_describe(rate, sweep) for rate in told]
    text = "; ".join([*parts, ", ".join(beside)] if beside else parts) + "."
    own = next((rate for rate in rates if rate.name == "base" and rate.verdict != "good" and rate not in told), None)
    if own is not None:
        text += f" The config's own rate: {_describe(own, sweep)}."
    if sweep.unfinished:
        text += " The loss still falls at the end: train longer."
    elif len(rates) > 1 and best in (rates[0], rates[-1]):
        side = "lower" if best is rates[0] else "higher"
        text += f" It is the {'lowest' if best is rates[0] else 'highest'} rate tried: try {side} ones too."
    return text


def _describe(rate: Rate, sweep: Sweep) -> str:
    """What a rate does instead of the best one, in a few words."""
    assert sweep.best is not None
    if rate.verdict.startswith(("diverged", "collapsed")):
        return f"{rate.lr:g} {rate.verdict}"
    if rate.verdict.startswith("too high") and rate.swing is not None and rate.swing[1] - rate.swing[0] > sweep.tolerance:
        return f"{rate.lr:g} never settles ({rate.swing[0]:.4g} to {rate.swing[1]:.4g} at the end)"
    if rate.settles is not None and abs(rate.final - sweep.best.final) <= sweep.tolerance:
        return f"{rate.lr:g} takes until {rate.settles:g}"
    return f"{rate.lr:g} ends at {rate.final:.4g}"


def _list_failures(sweep: Sweep) -> str:
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


def _tabulate(sweeps: Sequence[Sweep]) -> Table:
    longest = max(len(trace.series["loss"].values) for sweep in sweeps for rate in sweep.rates for trace in rate.traces)
    rows = [
        (
            *([sweep.name] if len(sweeps) > 1 else []),
            rate.lr,
            rate.final,
            np.median([_stretch(trace, longest) for trace in rate.traces], axis=0).tolist(),
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
    )


def _stretch(trace: Trace, length: int) -> np.ndarray:
    """The loss over as many epochs as the longest run had: NaN from where this one ended."""
    values = trace.series["loss"].values
    return np.pad(values, (0, length - len(values)), constant_values=np.nan)
