"""The search for a learning rate: a grid, extended and refined, then fresh runs at multiples of what it recommends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from trainlab.config.schedule import ConstantSchedule
from trainlab.plan import Arm, Conclusion, Options, Plan
from trainlab.report import Answer, Finding, Trace
from trainlab.studies import _band, _verification
from trainlab.studies._arms import find_end, list_seeds, make_arm, plan_runs
from trainlab.studies._band import Band, Scale
from trainlab.studies._rates import (
    KEY,
    Rate,
    Sweep,
    drop_rate,
    list_failures,
    list_values,
    say_best,
    say_floor,
    say_groups,
    say_own,
    tabulate,
    weigh,
)
from trainlab.studies._verification import Check

FEW = 3  # arms beside the base that the answer tells one by one; more stand in the table
LOWERED = {"schedule.name": "cosine"}  # tried where a rate is right early and too high late


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the search knows of one arm.

    Attributes:
        arm: its patch holds no rate.
        recommended: the rate; None if no rate will do.
        retreat: what to fall back on if it fails in a fresh run; None if there is nothing.
        early: a rate that is ahead at first and too high late.
        lowered: final loss of that rate with a schedule that lowers it; None if it was not run.
    """

    arm: Arm
    sweep: Sweep
    band: Band
    recommended: float | None
    retreat: float | None
    checks: tuple[Check, ...]
    early: Rate | None
    lowered: float | None
    scale: Scale

    @property
    def confirmed(self) -> float | None:
        """The rate that stands after verification; None where what is fallen back on fails as well."""
        if not self.checks:
            return self.recommended
        stands = {each.lr for each in self.checks if each.survived == each.of}
        return next((rate for rate in (self.recommended, self.retreat) if rate in stands), None)

    @property
    def retreats_to(self) -> float | None:
        """The rate to fall back on, where that is needed and no fresh runs were made at it yet."""
        fails = any(each.lr == self.recommended and each.survived < each.of for each in self.checks)
        return self.retreat if fails and all(each.lr != self.retreat for each in self.checks) else None

    @property
    def final(self) -> float | None:
        """The loss that the rate that stands ends at: in the search, or in the fresh runs where only those were made at it."""
        finals = {check.lr: check.final for check in self.checks} | {rate.lr: rate.final for rate in self.sweep.rates}
        return None if self.confirmed is None else finals.get(self.confirmed)


def plan(arms: Sequence[Arm], options: Options) -> Plan:
    """Every arm at every rate of the grid and at its own, with every seed."""
    chosen = options.chosen
    low, high = chosen.get("from", min(_band.LOW, chosen.get("to", math.inf) / 100)), chosen.get("to", _band.HIGH)
    grid = _band.make_grid(low, max(high, low), chosen.get("points", _band.POINTS))
    planned = []
    for arm in arms:
        if arm.config.optimizer.lr == 0:
            arm = replace(arm, config=make_arm(arm.config, {KEY: grid[0]}).config)  # noqa: PLW2901  # 0 is no rate to try
        planned += _set_rates(arm, sorted({arm.config.optimizer.lr, *grid}))
    return Plan(runs=plan_runs(planned, list_seeds(options)))


def _set_rates(arm: Arm, rates: Sequence[float]) -> list[Arm]:
    """The arm at each rate; the base's own is the run `base`, and comes first."""
    own = [arm] if not arm.patch and arm.config.optimizer.lr in rates else []
    return own + [make_arm(arm.config, {KEY: rate}, arm.patch) for rate in rates if not (own and rate == arm.config.optimizer.lr)]


def follow(arms: Sequence[Arm], options: Options, traces: Sequence[Trace]) -> Plan | None:
    """More rates where the answer needs them; once no arm does, fresh runs around each recommendation, then at what replaces it."""
    found = _find(arms, options, traces)
    more = [(each.arm, _band.find_next(each.sweep)) for each in found]
    if any(rates for _, rates in more):
        planned = [run for arm, rates in more for run in _set_rates(arm, rates)]
        return Plan(runs=plan_runs(planned, list_seeds(options)))
    seeds = list_seeds(options)
    after = tuple(range(seeds[-1] + 1, seeds[-1] + 1 + max(_verification.FRESH, len(seeds))))
    if any(each.checks for each in found):
        untried = [run for each in found if each.retreats_to for run in _set_rates(each.arm, [each.retreats_to])]
        return Plan(runs=plan_runs(untried, after)) if untried else None
    fresh, lowered = [], []
    for each in found:
        if each.recommended is None:
            continue
        fresh += _set_rates(each.arm, list(_verification.list_multiples(each.recommended)))
        if each.early is not None:
            lowered.append(make_arm(each.arm.config, {KEY: each.early.lr, **LOWERED}, each.arm.patch))
    runs = (*plan_runs(fresh, after), *plan_runs(lowered, seeds))
    return Plan(runs=runs) if runs else None


def _find(arms: Sequence[Arm], options: Options, traces: Sequence[Trace]) -> list[Found]:
    seeds = set(list_seeds(options))
    found = []
    for arm in arms:
        own = [trace for trace in traces if drop_rate(trace.patch) == drop_rate(arm.patch)]
        seen = [trace for trace in own if trace.seed in seeds]
        if not seen:
            continue
        scale = _band.find_scale(seen)
        sweep = weigh(arm.name, seen, partial(_band.find_failure, scale=scale))
        band = _band.measure_band(seen)
        recommended = _band.choose_rate(sweep, band)
        retreat = None if recommended is None else _verification.find_retreat(sweep, band, recommended)
        fresh = [trace for trace in own if trace.seed not in seeds]
        early = None if recommended is None or not _is_constant(arm) else _band.find_early(sweep, recommended)
        wanted = {**drop_rate(arm.patch), **LOWERED}
        lowered = [find_end(trace) for trace in traces if early and trace.patch == {**wanted, KEY: early.lr}]
        found.append(
            Found(
                arm=arm,
                sweep=sweep,
                band=band,
                recommended=recommended,
                retreat=retreat,
                checks=() if recommended is None else _verification.check(recommended, retreat, fresh, scale),
                early=early,
                lowered=float(np.median(lowered)) if lowered else None,
                scale=scale,
            )
        )
    return found


def _is_constant(arm: Arm) -> bool:
    return isinstance(arm.config.schedule, ConstantSchedule)


def conclude(arms: Sequence[Arm], options: Options, traces: Sequence[Trace], findings: Sequence[Finding]) -> Conclusion:
    """The band of each arm, the rate to use, and what fresh runs made of it."""
    found = _find(arms, options, traces)
    base, *others = found
    used = {each.sweep.name: next((rate for rate in each.sweep.rates if rate.lr == each.confirmed), None) for each in found}
    chosen = {make_arm(each.arm.config, {KEY: each.confirmed}, each.arm.patch).name for each in found if each.confirmed is not None}
    about = chosen | {rate.name for rate in used.values() if rate} | ({"base"} if base.confirmed is None else set())
    kept = tuple(each for each in findings if each.run in about)
    values = _list_values(base)
    if others:
        values["arms"] = {each.sweep.name: _list_values(each) for each in others}
    text = (
        _say(base)
        + (say_groups(base.arm.config, base.confirmed) if base.confirmed else "")
        + say_floor(base.sweep, used[base.sweep.name], kept)
    )
    for each in others if len(others) <= FEW else ():
        end = f"{each.confirmed:g}, ending at {each.final:.4g}." if each.final is not None else f"{_say_none(each)}."
        text += f" With {each.sweep.name}: {end}"
    if others:
        text += _say_winner(found)
    confirmed = {each.sweep.name: each.confirmed for each in found}
    if others:
        finals = {each.sweep.name: each.final for each in found}
        tables = [_band.tabulate_bands({each.sweep.name: each.band for each in found}, confirmed, finals)]
    else:
        tables = [_band.tabulate_band(base.band, base.confirmed, len(list_seeds(options)))]
    if any(each.checks for each in found):
        tables.append(_verification.tabulate_checks({each.sweep.name: each.checks for each in found if each.checks}))
    edges = (base.band.useful, base.band.unstable)
    told = [rate for rate in (base.confirmed, *(edge.rate for edge in edges if edge)) if rate is not None]
    rates = tabulate([each.sweep for each in found], told)
    return Conclusion(answer=Answer(text=text, values=values), tables=(*tables, rates), findings=kept)


def _list_values(found: Found) -> dict[str, Any]:
    def read(edge: _band.Edge | None) -> dict[str, float | None] | None:
        return None if edge is None else {"rate": edge.rate, "low": edge.low, "high": edge.high}

    band = found.band
    return {
        **list_values(found.sweep),
        "recommended": found.confirmed,
        "band": {
            "lowest_useful": read(band.useful),
            "best": read(band.best),
            "highest_stable": read(band.stable),
            "first_unstable": read(band.unstable),
        },
        "verification": [
            {
                "times": each.times,
                "lr": each.lr,
                "survived": each.survived,
                "of": each.of,
                "final_loss": each.final,
                "verdict": each.verdict,
            }
            for each in found.checks
        ],
    }


def _say_none(found: Found) -> str:
    if found.recommended is not None:
        lower = f" and {found.retreat:g}" if found.retreat is not None else ""
        return f"{found.recommended:g}{lower} fail{'' if lower else 's'} in fresh runs"
    return list_failures(found.sweep)


def _say(found: Found) -> str:
    """What to use, how wide the band is, and what fresh runs say."""
    lr, sweep, band = found.confirmed, found.sweep, found.band
    if lr is None:
        return f"No learning rate can be recommended: {_say_none(found)}."
    rate = next((each for each in sweep.rates if each.lr == lr), None)
    own = next((each for each in found.checks if each.lr == lr), None)
    text = (
        say_best(rate)
        if rate is not None
        else f"Use a learning rate of {lr:g}: it ends at a loss of {own.final:.4g}"
        if own
        else ""
    )
    parts = []
    if band.useful is not None:
        parts.append(f"rates are of use from {band.useful.rate:g}")
    if band.unstable is not None and band.unstable.low <= lr:
        parts.append(f"some runs fail at a lower one, {band.unstable.low:g}")
    elif band.unstable is not None and math.isfinite(band.unstable.low):
        stable = f"stable up to {band.stable.low:g}" if band.stable is not None else ""
        parts += [part for part in (stable, f"unstable from {band.unstable.low:g}") if part]
    elif band.stable is not None:
        parts.append(f"stable up to {band.stable.low:g}, the highest tried")
    text += f"; {', '.join(parts)}." if parts else "."
    text += _say_checks(found)
    if found.early is not None and found.lowered is not None:
        text += (
            f" {found.early.lr:g} is ahead of it early and too high late: lowered along a cosine it ends at {found.lowered:.4g}."
        )
    base = next((each for each in sweep.rates if each.name == "base" and each.verdict not in ("good", "best")), None)
    return text + (say_own(base, sweep) if base is not None and sweep.best is not None else "")


def _say_checks(found: Found) -> str:
    if not found.checks:
        return " No fresh runs were made to verify it."
    by_times = {each.times: each for each in found.checks}
    text = ""
    if found.confirmed != found.recommended:
        failed = by_times[1.0]
        text += f" {failed.lr:g} looked best and failed in {failed.of - failed.survived} of {failed.of} fresh runs."
    own = next((each for each in found.checks if each.lr == found.confirmed), None)
    if own is not None:
        it = "it" if own.lr == found.recommended else f"{own.lr:g}"
        text += f" {own.of} fresh runs confirm {it} (loss {own.final:.4g})"
    beyond = next(
        (each for each in found.checks if each.survived < each.of and found.recommended and each.lr > found.recommended), None
    )
    if beyond is not None and own is not None:
        text += f", {beyond.lr:g} fails in {beyond.of - beyond.survived} of {beyond.of}"
    return f"{text}." if text and not text.endswith(".") else text


def _say_winner(found: Sequence[Found]) -> str:
    """Which arm, each at its own rate, ends lowest, if by more than what is no difference."""
    ends = sorted((each.final, each.sweep.name) for each in found if each.final is not None)
    if len(ends) < 2:
        return ""
    tolerance = max(each.scale.tolerance for each in found)
    (first, name), (second, other) = ends[:2]
    if second - first <= tolerance:
        return f" Each at its own best rate, {name} ({first:.4g}) and {other} ({second:.4g}) end alike."
    return f" Each at its own best rate, {name} ends lowest ({first:.4g}; next {other}, {second:.4g})."
