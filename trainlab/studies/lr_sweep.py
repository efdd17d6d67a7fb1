"""Which learning rate, and how wide is the safe band?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trainlab.config import Config, name_patch
from trainlab.plan import Arm, Conclusion, Find, Options, Plan
from trainlab.report import Answer, Finding, Skipped, Trace
from trainlab.studies import _ramp, _search
from trainlab.studies._arms import MISTAKES, count_held, make_arm, plan_runs, say_seeds
from trainlab.studies._rates import (
    KEY,
    Sweep,
    describe,
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

PROBES = ("accuracy", "baselines", "gradient-norm")
RATE = ("learning-rate-too-high", "learning-rate-too-low", "edge-of-sweep")
COURSE = ("diverged", "stalled", "loss-spike", "collapsed", "non-finite", "underfitting")
RULES = (*RATE, *COURSE, "unscaled-features", *MISTAKES)
OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {"optimizer.name": "sgd"},
    {"optimizer.name": "sgd", "optimizer.momentum": 0.9},
    {"optimizer.name": "sgd", "optimizer.momentum": 0.9, "optimizer.nesterov": True},
    *({"optimizer.name": name} for name in ("adagrad", "rmsprop", "adam", "adamw", "nadam", "radam")),
)


def first(config: Config, options: Options) -> Plan:  # noqa: ARG001  # the base is the first of the arms
    """Every arm with its own rates, every seed.

    The rates are those of `lr`, or those of the arms that change the rate alone, with the arm's own rate among them unless `lr`
    leaves it out; the base's own rate is the run `base`. Without either they are searched for.
    """
    arms = _list_arms(options)
    if options.chosen.get("range_test"):
        return _ramp.plan(arms, options)
    if _is_search(options):
        return _complete(_search.plan(arms, options))
    given = options.chosen.get("lr")
    planned: list[Arm] = []
    for arm in arms:
        own = arm.config.optimizer.lr
        rates = list(given or sorted({own, *_list_rates(options)} - {0.0}))
        if not arm.patch:
            if own not in rates:
                own = rates[0]
                arm = replace(arm, config=make_arm(arm.config, {KEY: own}).config)  # noqa: PLW2901  # as if it had been set so
            planned.append(arm)
            rates.remove(own)
        planned += [make_arm(arm.config, {KEY: rate}, arm.patch) for rate in rates]
    return _complete(Plan(runs=plan_runs(planned, options.seeds)))


def goes_on(options: Options) -> bool:
    """Whether there may be a plan after the first."""
    return _is_search(options) and not options.chosen.get("range_test")


def then(config: Config, options: Options, traces: Sequence[Trace], find: Find) -> Plan | None:  # noqa: ARG001
    """Rates given are all, as is a ramp; a search goes on until it has found and verified."""
    plan = _search.follow(_list_arms(options), options, traces) if goes_on(options) else None
    return plan and _complete(plan)


def conclude(
    config: Config,  # noqa: ARG001  # one signature for all studies
    options: Options,
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],  # noqa: ARG001
) -> Conclusion:
    """The rates of each arm in order with their verdicts, and the one to use.

    What a rejected rate did is a row of the table; a finding is what is wrong with the network at the rate recommended, or with
    the sweep itself.
    """
    if options.chosen.get("range_test"):
        return _ramp.conclude(traces)
    if _is_search(options):
        found = _search.conclude(_list_arms(options), options, traces, findings)
        return replace(found, findings=tuple(each for each in found.findings if each.code != "L006"))
    arms: dict[str, list[Trace]] = {}
    for trace in traces:
        arms.setdefault(name_patch(drop_rate(trace.patch)) or "base", []).append(trace)

    by_run: dict[str, list[Finding]] = {}
    for finding in findings:
        by_run.setdefault(finding.run, []).append(finding)

    def find_failure(each: Sequence[Trace]) -> str:
        return _find_failure(each, by_run.get(each[0].name, ()))

    def is_unfinished(arm: str) -> bool:
        return count_held(by_run.get(arm, ()), arm, {"L002"}) > 0

    sweeps = [weigh(name, each, find_failure, is_unfinished) for name, each in arms.items()]
    about = {each.best.name for each in sweeps if each.best} | ({"base"} if sweeps[0].best is None else set())
    kept = tuple(each for each in findings if each.run in about or each.code == "L006")
    return Conclusion(answer=_answer(sweeps, kept), tables=(tabulate(sweeps),), findings=kept)


def _complete(plan: Plan) -> Plan:
    return replace(plan, probes=PROBES, rules=RULES)


def _list_rates(options: Options) -> list[float]:
    return [arm.config.optimizer.lr for arm in options.arms[1:] if list(arm.patch) == [KEY]]


def _is_search(options: Options) -> bool:
    return not options.chosen.get("lr") and (not _list_rates(options) or bool({"from", "to", "points"} & set(options.chosen)))


def _list_arms(options: Options) -> list[Arm]:
    """The base, each change that is more than a rate, and, where they are asked for, every optimizer and schedule."""
    base = options.arms[0]
    arms = [arm for arm in options.arms if list(arm.patch) != [KEY]]
    epochs = base.config.train.epochs
    wanted = list(OPTIMIZERS) if options.chosen.get("all_optimizers") else []
    wanted += _list_schedules(epochs) if options.chosen.get("all_schedules") else []
    seen = [arm.config for arm in arms]
    for patch in wanted:
        arm = make_arm(base.config, patch)
        if arm.config not in seen:
            arms.append(arm)
            seen.append(arm.config)
    return arms


def _list_schedules(epochs: int) -> list[dict[str, Any]]:
    """The schedules, each laid out over the whole training."""
    third = max(1, epochs // 3)
    return [
        {"schedule.name": "constant"},
        {"schedule.name": "power", "schedule.scale": max(1, epochs // 10)},
        {"schedule.name": "exponential", "schedule.scale": max(1, epochs // 2)},
        {"schedule.name": "piecewise", "schedule.boundaries": [third, max(third + 1, 2 * third)]},
        {"schedule.name": "plateau"},
        {"schedule.name": "step", "schedule.every": third},
        {"schedule.name": "cosine"},
        {"schedule.name": "onecycle"},
    ]


def _find_failure(traces: Sequence[Trace], findings: Sequence[Finding]) -> str:
    """What makes a rate unusable, in the words of its verdict; empty if nothing does. One seed is enough."""
    for word, codes in (("diverged", {"L003", "G006"}), ("collapsed", {"L008"}), ("too high", {"L001"})):
        held = count_held(findings, traces[0].name, codes)
        if held:
            return say_seeds(word, held, len(traces))
    return ""


def _answer(sweeps: Sequence[Sweep], findings: Sequence[Finding]) -> Answer:
    base, *others = sweeps
    values = list_values(base)
    if others:
        values["arms"] = {sweep.name: list_values(sweep) for sweep in others}
    text = _recommend(base) + _say_groups(base) + say_floor(base, base.best, findings)
    for sweep in others:
        best = sweep.best
        text += f" With {sweep.name}: " + (f"{best.lr:g}, ending at {best.final:.4g}." if best else f"{list_failures(sweep)}.")
    return Answer(text=text, values=values)


def _say_groups(sweep: Sweep) -> str:
    return say_groups(sweep.best.traces[0].config, sweep.best.lr) if sweep.best else ""


def _recommend(sweep: Sweep) -> str:
    """What to do, and how the rates next to the good ones fare."""
    best, rates = sweep.best, sweep.rates
    if best is None:
        return f"None of the rates tried is good: {list_failures(sweep)}."
    good = [rate.lr for rate in rates if rate.verdict == "good"]
    beside = [f"{good[0]:g} to {good[-1]:g} are good"] if len(good) > 1 else []
    lower = [rate for rate in rates if rate.lr < good[0]]
    higher = [rate for rate in rates if rate.lr > good[-1]]
    told = [*lower[-1:], *higher[:1]]
    beside += [describe(rate, sweep) for rate in told]
    text = "; ".join([say_best(best), ", ".join(beside)] if beside else [say_best(best)]) + "."
    own = next((rate for rate in rates if rate.name == "base" and rate.verdict != "good" and rate not in told), None)
    if own is not None:
        text += say_own(own, sweep)
    if sweep.unfinished:
        text += " The loss still falls at the end: train longer."
    elif len(rates) > 1 and best in (rates[0], rates[-1]):
        side = "lower" if best is rates[0] else "higher"
        text += f" It is the {'lowest' if best is rates[0] else 'highest'} rate tried: try {side} ones too."
    return text
