"""Which learning rate, and how wide is the safe band?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainlab.config import Config
from trainlab.plan import Arm, Conclusion, Options, Plan
from trainlab.report import Answer, Column, Finding, Table, Trace
from trainlab.settling import find_final_swing, find_settling_epoch
from trainlab.studies._arms import by_arm, make_arm, plan_runs

PROBES = ("accuracy", "baselines", "gradient-norm")
RULES = ("learning-rate-too-high", "learning-rate-too-low", "diverged", "non-finite", "underfitting")
GRID = tuple(float(f"{rate:.1e}") for rate in np.logspace(-5, 1, 13))
NEAR = 0.02
SLOW = 3.0
KEY = "optimizer.lr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One rate over all seeds: medians of what its runs did.

    Attributes:
        reached: the epoch, counted from 1, from which the loss stays near the best final loss of the sweep; None if it never does.
    """

    name: str
    lr: float
    traces: tuple[Trace, ...]
    final: float
    swing: tuple[float, float] | None
    settles: float | None
    reached: float | None
    verdict: str


def first(config: Config, options: Options) -> Plan:
    """Every rate with every seed: those asked for, else the config's `vs`, else a grid of half decades.

    The config's own rate, if it is among them, is the base; otherwise the first one is.
    """
    rates = options.chosen.get("lr") or [patch[KEY] for patch in config.vs if list(patch) == [KEY]] or GRID
    base = options.arms[0]
    own = config.optimizer.lr
    arms: list[Arm] = []
    for lr in dict.fromkeys(float(rate) for rate in rates):
        patch = {KEY: lr} if lr != own else {}
        arms.append(make_arm(base.config, patch) if patch else base)
    arms.sort(key=lambda arm: arm.name != base.name)
    if arms[0].name != base.name:
        arms[0] = Arm(name=base.name, patch=arms[0].patch, config=arms[0].config)
    return Plan(runs=plan_runs(arms, options.seeds), probes=PROBES, rules=RULES)


def then(config: Config, options: Options, traces: Sequence[Trace]) -> None:  # noqa: ARG001  # one plan is enough
    """Nothing more."""
    return


def conclude(config: Config, options: Options, traces: Sequence[Trace], findings: Sequence[Finding]) -> Conclusion:  # noqa: ARG001
    """The rates in order with their verdicts, and the one to use."""
    rates = _weigh(traces, findings)
    usable = [rate for rate in rates if rate.verdict == "good"]
    best = min(usable, key=lambda rate: (rate.reached, rate.final)) if usable else None  # type: ignore[arg-type,return-value]
    about = best.name if best else rates[0].name
    # What a rejected rate did is a row of the table; a finding is what is wrong with the network at the rate recommended.
    kept = tuple(each for each in findings if each.run == about) if best else tuple(findings)
    return Conclusion(answer=_answer(rates, best, kept), tables=(_tabulate(rates),), findings=kept)


def _weigh(traces: Sequence[Trace], findings: Sequence[Finding]) -> list[Rate]:
    arms = by_arm(traces)
    codes = {name: {each.code for each in findings if each.run == name} for name in arms}
    finals = {name: float(np.median([_final(trace) for trace in arm])) for name, arm in arms.items()}
    steady = {name: final for name, final in finals.items() if np.isfinite(final) and "L001" not in codes[name]}
    target = min(steady.values(), default=np.nan)
    start = float(np.nanmedian([trace.series["loss"].values[0] for trace in traces]))
    level = target + NEAR * abs(start - target)
    reached = {name: _median([_reach(trace, level) for trace in arm]) for name, arm in arms.items()}
    quickest = min((epoch for epoch in reached.values() if epoch is not None), default=None)
    fastest = min((name for name in arms if reached[name] == quickest), key=lambda name: finals[name], default=None)
    own = {name: arm[0].config.optimizer.lr for name, arm in arms.items()}
    rates = []
    for name, arm in arms.items():
        swings = [swing for trace in arm if (swing := find_final_swing(trace.series["loss"])) is not None]
        slower = fastest is not None and own[name] < own[fastest]
        late = quickest is not None and (reached[name] is None or reached[name] > SLOW * quickest)  # type: ignore[operator]
        if codes[name] & {"L003", "G006"}:
            verdict = "diverged"
        elif _is_dead(arm[0]):
            verdict = "collapsed"
        elif "L001" in codes[name] or (reached[name] is None and not slower):
            verdict = "too high"
        elif late and slower:
            verdict = "too low"
        else:
            verdict = "good"
        rates.append(
            Rate(
                name=name,
                lr=own[name],
                traces=tuple(arm),
                final=finals[name],
                swing=(min(low for low, _ in swings), max(high for _, high in swings)) if swings else None,
                settles=_median([find_settling_epoch(trace.series["loss"]) for trace in arm]),
                reached=reached[name],
                verdict=verdict,
            )
        )
    return sorted(rates, key=lambda rate: rate.lr)


def _final(trace: Trace) -> float:
    """Median loss over the last tenth of the epochs; infinite for a run that left the finite numbers."""
    values = trace.series["loss"].values
    tail = values[-max(1, len(values) // 10) :]
    return float(np.median(tail)) if trace.nonfinite is None and np.isfinite(tail).all() else np.inf


def _reach(trace: Trace, level: float) -> int | None:
    """The epoch from which the loss stays at or below `level`."""
    series = trace.series["loss"]
    if trace.nonfinite is not None or not np.isfinite(level):
        return None
    above = np.flatnonzero(~(series.values <= level))
    first_below = int(above[-1]) + 1 if len(above) else 0
    return int(series.at[first_below]) if first_below < len(series.values) else None


def _median(epochs: Sequence[int | None]) -> float | None:
    """The median, None counting as never; None if that is the median."""
    value = float(np.median([np.inf if epoch is None else epoch for epoch in epochs]))
    return value if np.isfinite(value) else None


def _is_dead(trace: Trace) -> bool:
    """Every gradient is exactly 0 at the end, and the loss is above that of the best constant."""
    series, constant = trace.series.get("gradient-norm"), trace.metrics.get("constant_loss")
    if series is None or not len(series.values) or constant is None:
        return False
    return not series.values[-1].any() and _final(trace) > constant


def _answer(rates: Sequence[Rate], best: Rate | None, findings: Sequence[Finding]) -> Answer:
    values: dict[str, Any] = {
        "recommended": best.lr if best else None,
        "rates": [
            {"lr": rate.lr, "final_loss": rate.final, "settling_epoch": rate.settles, "verdict": rate.verdict} for rate in rates
        ],
    }
    if best is None:
        worst = ", ".join(f"{rate.lr:g} {rate.verdict}" for rate in rates)
        return Answer(text=f"None of the rates tried is good: {worst}.", values=values)
    epochs = len(best.traces[0].series["loss"].values)
    text = f"Use a learning rate of {best.lr:g}"
    text += f": it settles at epoch {best.settles:.0f} of {epochs}" if best.settles is not None else ""
    lower = [rate for rate in rates if rate.lr < best.lr and rate.verdict == "too low"]
    higher = [rate for rate in rates if rate.lr > best.lr and rate.verdict not in ("good", "too low")]
    if lower:
        near = lower[-1]
        text += f"; {near.lr:g} takes until {near.settles:.0f}" if near.settles is not None else f"; {near.lr:g} does not arrive"
    if higher:
        near = higher[0]
        swing = f"never settles ({near.swing[0]:.4g} to {near.swing[1]:.4g} at the end)" if near.swing else near.verdict
        text += f", {near.lr:g} {near.verdict if near.verdict != 'too high' else swing}"
    text += "."
    floor = next((each for each in findings if each.code == "F002"), None)
    if floor is not None:
        linear = best.traces[0].metrics.get("linear_loss")
        beside = f", and a straight line reaches {linear:.4g}" if linear is not None else ""
        text += f" But no rate gets the loss below {min(rate.final for rate in rates):.5g}{beside}: the network underfits."
    return Answer(text=text, values=values)


def _tabulate(rates: Sequence[Rate]) -> Table:
    rows = [
        (
            rate.lr,
            rate.final,
            np.median([_stretch(trace) for trace in rate.traces], axis=0).tolist(),
            rate.settles,
            f"{rate.swing[0]:.5g} .. {rate.swing[1]:.5g}" if rate.swing else None,
            rate.verdict,
        )
        for rate in rates
    ]
    return Table(
        name="rates",
        title="learning rates" + (f" (medians of {len(rates[0].traces)} seeds)" if len(rates[0].traces) > 1 else ""),
        columns=(
            Column(name="learning rate", kind="number"),
            Column(name="final loss", kind="number"),
            Column(name="loss", kind="curve", priority=2),
            Column(name="settles at epoch", kind="number"),
            Column(name="final swing", priority=1),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
    )


def _stretch(trace: Trace) -> np.ndarray:
    """The loss of every planned epoch: NaN from where the run ended."""
    values = trace.series["loss"].values
    return np.pad(values, (0, max(0, trace.config.train.epochs - len(values))), constant_values=np.nan)
