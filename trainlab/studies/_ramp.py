"""The range test: one short run in which the learning rate grows from update to update, and what its loss suggests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainlab.plan import Arm, Conclusion, Options, Plan
from trainlab.report import Answer, Column, Table, Trace
from trainlab.studies._arms import by_arm, list_seeds, make_arm, plan_runs, shorten
from trainlab.studies._band import HIGH, LOW
from trainlab.studies._rates import MOVES

PROBES = ("batch-loss",)
RULES = ("non-finite",)
UPDATES = 200
WINDOW = 9  # updates over which the loss is smoothed, by a median and then by a mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What one ramp suggests.

    Attributes:
        lr: half way, in logarithm, from `steepest` to `lowest`.
        steepest: the rate at which the smoothed loss falls fastest.
        lowest: the rate at which it is lowest.
        worse: the first rate after that at which half of the fall is lost again; None if the ramp ends before.
    """

    lr: float
    steepest: float
    lowest: float
    worse: float | None


def plan(arms: Sequence[Arm], options: Options) -> Plan:
    """Every arm once a seed, its rate growing by the same factor with every update."""
    low, high = options.chosen.get("from", LOW), options.chosen.get("to", HIGH)
    updates = options.chosen.get("points", UPDATES)
    ramp: dict[str, Any] = {
        "optimizer.lr": low,
        "schedule": {"name": "exponential", "per": "update", "scale": max(1, updates - 1), "gamma": high / low},
        "train.epochs": updates,  # an epoch has one update or more
        "train.updates": updates,
    }
    ramped = [make_arm(arm.config, ramp) for arm in arms]
    named = [
        Arm(name=arm.name, patch={**arm.patch, **ramp} if arm.patch else {}, config=each.config)
        for arm, each in zip(arms, ramped, strict=True)
    ]
    return Plan(runs=plan_runs(named, list_seeds(options)), probes=PROBES, rules=RULES)


def conclude(traces: Sequence[Trace]) -> Conclusion:
    """A suggestion for each arm, and how far to trust it."""
    arms = by_arm(traces)
    suggested = {name: [found for trace in runs if (found := suggest(*_read(trace))) is not None] for name, runs in arms.items()}
    texts = [_say(name, suggested[name], runs, first=index == 0) for index, (name, runs) in enumerate(arms.items())]
    base, *others = arms
    values: dict[str, Any] = {"recommended": _join(suggested[base])}
    if others:
        values["arms"] = {name: {"recommended": _join(suggested[name])} for name in others}
    updates = max(trace.planned for trace in traces)
    trust = f" One ramp of {updates} updates shows how training begins, not how it ends: `trainlab lr-sweep` trains at the rates."
    return Conclusion(answer=Answer(text=" ".join(texts) + trust, values=values), tables=(_tabulate(arms, suggested),))


def _read(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    """Rate and loss of each update, up to the first that is not finite."""
    loss = trace.series["batch-loss"].values
    schedule = trace.config.schedule
    gamma, scale = getattr(schedule, "gamma", 1.0), getattr(schedule, "scale", 1.0)
    loss = loss[: int(np.argmin(np.isfinite(loss)))] if not np.isfinite(loss).all() else loss
    return trace.config.optimizer.lr * gamma ** (np.arange(len(loss)) / scale), loss


def smooth(loss: np.ndarray) -> np.ndarray:
    """Running median, then running mean, over a few updates each."""
    half = WINDOW // 2
    middle = np.array([np.median(loss[max(0, at - half) : at + half + 1]) for at in range(len(loss))])
    return np.convolve(np.pad(middle, half, mode="edge"), np.ones(WINDOW) / WINDOW, mode="valid")


def suggest(rates: np.ndarray, loss: np.ndarray) -> Suggestion | None:
    """The rate that a ramp suggests; None if its loss never falls by more than noise.

    Args:
        rates: `[update]`, growing.
        loss: `[update]`, finite.
    """
    if len(loss) < 3 * WINDOW:
        return None
    smoothed = smooth(loss)
    lowest = int(np.argmin(smoothed))
    early = loss[: max(WINDOW, len(loss) // 10)]
    start, noise = float(np.median(early)), float(np.median(np.abs(early - np.median(early))))
    fall = start - smoothed[lowest]
    if lowest < WINDOW or fall <= max(MOVES * abs(start), 2 * noise):
        return None
    slope = np.gradient(smoothed, np.log(rates))[: lowest + 1]
    steepest = int(np.argmin(slope))
    lost = np.flatnonzero(smoothed[lowest:] > smoothed[lowest] + fall / 2)
    return Suggestion(
        lr=math.sqrt(rates[steepest] * rates[lowest]),
        steepest=float(rates[steepest]),
        lowest=float(rates[lowest]),
        worse=float(rates[lowest + lost[0]]) if len(lost) else None,
    )


def _join(found: Sequence[Suggestion]) -> float | None:
    return shorten(math.exp(float(np.mean([math.log(each.lr) for each in found])))) if found else None


def _say(name: str, found: Sequence[Suggestion], runs: Sequence[Trace], *, first: bool) -> str:
    lr = _join(found)
    with_arm = "" if first else f"With {name}: "
    if lr is None:
        return f"{with_arm}{'No' if first else 'no'} rate can be suggested: the loss never falls during the ramp."
    text = f"{with_arm}{'Try' if first else 'try'} a learning rate of {lr:g}"
    if len(found) < len(runs):
        return f"{text}, though {len(runs) - len(found)} of {len(runs)} ramps suggest nothing."
    spread = max(each.lr for each in found) / min(each.lr for each in found)
    return f"{text}: {len(runs)} ramps agree within a factor of {spread:.2g}." if len(found) > 1 else f"{text}."


def _tabulate(arms: dict[str, list[Trace]], suggested: dict[str, list[Suggestion]]) -> Table:
    rows = []
    seeds = max(map(len, arms.values()))
    for name, runs in arms.items():
        found = suggested[name]
        column = [_join(found)]
        for key in ("steepest", "lowest", "worse"):
            known = [value for each in found if (value := getattr(each, key)) is not None]
            column.append(shorten(float(np.exp(np.mean(np.log(known))))) if known else None)
        rows.append((name, *column, _read(runs[0])[1].tolist()))
    return Table(
        name="ramps",
        title="the loss while the rate grows" + (f" (means of {seeds} seeds)" if seeds > 1 else ""),
        columns=(
            Column(name="run"),
            Column(name="suggested", kind="number"),
            Column(name="falls fastest at", kind="number"),
            Column(name="lowest at", kind="number"),
            Column(name="half lost at", kind="number"),
            Column(name="loss", kind="curve", priority=1),
        ),
        rows=tuple(rows),
    )
