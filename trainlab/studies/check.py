"""What is wrong with this training, and what mends it? Every rule that one run can show, and the remedies of what they find."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

from trainlab import causes, plugins
from trainlab.config import Config
from trainlab.pages._rules import say_rule
from trainlab.plan import Conclusion, Find, Options, Plan, PlannedRun
from trainlab.report import Answer, Column, Finding, Skipped, Table, Trace
from trainlab.settling import find_settling_epoch
from trainlab.studies._arms import by_arm, draw_loss, find_median, list_seeds, mean, plan_runs, say_seeds
from trainlab.studies._exploring import AGAIN, ONCE, Measured
from trainlab.studies._mending import Outcome, follow, search
from trainlab.studies._standing import read_loss
from trainlab.studies._telling import say_outcome, suggest, tabulate_trials

PROBES = ("accuracy", "baselines")


_Told = TypeVar("_Told", Finding, Skipped)


def _list_rules() -> tuple[str, ...]:
    """Every rule that one run can show: all but those that set runs side by side."""
    found = []
    for name, module in plugins.load_all("trainlab.rules").items():
        rule = plugins.find_class(module)
        if not hasattr(rule, "judge_study") and getattr(rule, "scope", "run") == "run":
            found.append(name)
    return tuple(found)


RULES = _list_rules()


def first(config: Config, options: Options) -> Plan:  # noqa: ARG001  # the base is the first of the arms
    """The base and what is beside it, to their end."""
    return Plan(runs=plan_runs(options.arms, options.seeds), probes=PROBES, rules=RULES)


def goes_on(options: Options) -> bool:
    """Whether there may be a plan after the first."""
    return bool(options.chosen.get("try", False))


def then(config: Config, options: Options, traces: Sequence[Trace], find: Find) -> Plan | None:
    """Two more seeds where the only one looks healthy; then the next runs of the search for what mends the base.

    A fault that only some seeds suffer from is one all the same. Seeds that the user asked for are all.
    """
    if not goes_on(options):
        return None
    findings = causes.keep(_heed(options, find(traces)))
    alone = len(by_arm(traces)[_name(options)]) == 1
    if alone and not _list_faults(options, findings) and (more := list_seeds(options)[1:]):
        return Plan(runs=plan_runs(options.arms, more), probes=PROBES, rules=RULES)
    found = _search(config, options, traces, findings, last=False)
    return Plan(runs=tuple(found), probes=PROBES, rules=RULES) if isinstance(found, list) and found else None


def _search(
    config: Config, options: Options, traces: Sequence[Trace], findings: Sequence[Finding], *, last: bool
) -> list[PlannedRun] | Outcome:
    base = _list_new(_list_faults(options, findings))
    if not goes_on(options) or not base:
        return Outcome()
    arm = by_arm(traces)[_name(options)]
    seeds = [trace.seed for trace in sorted(arm, key=lambda trace: -read_loss(trace, "train_loss"))]  # tried where it is worst
    neglects = any(each.code == "D004" for each in base)  # what mends that may cost some accuracy
    held = any("validation-balanced" in trace.arrays for trace in traces if trace.name.endswith((ONCE, AGAIN)))
    measured = Measured(traces=traces, findings=findings, score="balanced" if neglects and held else "correct")
    samples = arm[0].sizes.get("train", 0)
    found = follow(search(replace(config, vs=[], vary={}), base, seeds, options.budget, samples), measured, last=last)
    return replace(found, cost=measured.cost) if isinstance(found, Outcome) else found


def _name(options: Options) -> str:
    """Of the base."""
    return options.arms[0].name


def _heed(options: Options, told: Sequence[_Told]) -> list[_Told]:
    """What the user wants to hear of: a fault that is ignored is not mended either."""
    return [each for each in told if options.reported is None or each.code in options.reported or each.code == "run"]


def _list_faults(options: Options, findings: Sequence[Finding]) -> list[Finding]:
    """What is wrong with the base."""
    return [each for each in findings if each.run == _name(options) and each.severity != "info"]


def _list_new(faults: Sequence[Finding]) -> list[Finding]:
    """Those that the baseline has not, and that follow from nothing it has; causes come before what follows from them."""
    old: set[str] = set()
    new = []
    for each in faults:
        if each.known or each.because in old:
            old.add(each.code)
        else:
            new.append(each)
    return new


def conclude(
    config: Config,
    options: Options,
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],
) -> Conclusion:
    """The likeliest cause of what is wrong with the base, or that nothing is; what mends it; what was reached."""
    findings, skipped = causes.keep(_heed(options, findings)), _heed(options, skipped)
    outcome = _search(config, options, traces, findings, last=True)
    names = {arm.name for arm in options.arms}
    arms = {name: arm for name, arm in by_arm(traces).items() if name in names}
    own = [each for each in findings if each.run in names]
    judged = len(RULES) if options.reported is None else len(options.reported)
    answer = _answer(next(iter(arms.values())), own, skipped, judged)
    trials: tuple[Table, ...] = ()
    if isinstance(outcome, Outcome) and goes_on(options) and (new := _list_new(_list_faults(options, own))):
        base = next(iter(arms))
        answer = _say_own(say_outcome(answer, outcome, new), outcome.kept.change.config if outcome.kept else config)
        own = suggest(own, outcome, base)
        trials = tabulate_trials(outcome)
    return Conclusion(
        answer=answer,
        tables=(_tabulate(arms, own, judged=answer.values["judged"] > 0), *trials),
        findings=tuple(own),
        about=frozenset(names),
    )


def _answer(base: Sequence[Trace], findings: Sequence[Finding], skipped: Sequence[Skipped], rules: int) -> Answer:
    run = base[0].name
    own = [each for each in findings if each.run == run]
    wrong = [each for each in own if each.severity != "info"]
    faults = _list_new(wrong)
    known = [each.code for each in wrong if each.known]
    silent = sorted({each.code for each in skipped if each.run == run and each.code != "run"})
    values: dict[str, Any] = {"healthy": not wrong, "cause": None, "judged": rules - len(silent), "not_judged": silent}
    if known and not faults:
        values["cause"] = wrong[0].code
        return Answer(text=f"Nothing new: {_say_known(known)} {_say_reached(base)}".rstrip(), values=values)
    if not faults and not values["judged"]:
        text = f"Nothing could be judged by {_join(silent)}; the reasons stand below. {_say_reached(base)}"
        return Answer(text=text.rstrip(), values=values | {"healthy": None})
    if not faults:
        return Answer(text=f"Healthy: {_say_judged(values)}. {_say_reached(base)}".rstrip(), values=values)
    cause = faults[0]
    values["cause"] = cause.code
    where = f" at {cause.where}" if cause.where else ""
    seeds = say_seeds("", cause.seeds["held"], cause.seeds["of"])
    before = f"{_say_known(known)} " if known else ""
    text = f"The likeliest cause of what is wrong{where}{seeds}: {say_rule(cause.name)} ({cause.code})."
    return Answer(text=f"{text} {_say_rest(faults)}{before}{_say_reached(base)}".rstrip(), values=values)


def _say_own(answer: Answer, config: Config) -> Answer:
    """And what no patch can reach, since it is code."""
    parts = {"network": config.model.kind, "loss": getattr(config.loss, "name", ""), "optimizer": config.optimizer.name}
    own = [f"the {name}{' beyond its rate' * (name == 'optimizer')}" for name, kind in parts.items() if kind == "python"]
    return replace(answer, text=f"{answer.text} Your own code, so not changed: {', '.join(own)}.") if own else answer


def _say_known(codes: Sequence[str]) -> str:
    return f"{_join(codes)} {'stands' if len(set(codes)) == 1 else 'stand'} in the baseline."


def _say_judged(values: Mapping[str, Any]) -> str:
    judged, silent = values["judged"], values["not_judged"]
    text = f"{judged} rule{'s' * (judged != 1)} found nothing wrong"
    return f"{text}, {len(silent)} could not judge ({', '.join(silent)})" if silent else text


def _say_rest(faults: Sequence[Finding]) -> str:
    """What follows from the cause, and what stands beside it."""
    following, codes = [], {faults[0].code}
    for each in faults[1:]:  # causes come before what follows from them
        if each.because in codes:
            codes.add(each.code)
            following.append(each.code)
    beside = [each.code for each in faults if each.code not in codes]
    text = f"From it follow{'s' * (len(set(following)) == 1)} {_join(following)}. " if following else ""
    return text + (f"Beside it: {_join(beside)}. " if beside else "")


def _join(codes: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(codes))


def _say_reached(base: Sequence[Trace]) -> str:
    """How well the base does at its end, in both parts; the empty string where nothing was learned from targets."""
    measure = "r2" if base[0].task == "regression" else "accuracy"
    reached = {part: mean(base, f"{part}_{measure}") for part in ("train", "test")}
    parts = [
        f"{_say_share(measure, value)} on the {part} part"
        for part, value in reached.items()
        if value is not None and math.isfinite(value)
    ]
    return f"{'R2 is ' if measure == 'r2' else 'Right: '}{', '.join(parts)}." if parts else ""


def _say_share(measure: str, value: float) -> str:
    return f"{value:.3g}" if measure == "r2" else f"{100 * value:.1f} %"


def _tabulate(arms: Mapping[str, Sequence[Trace]], findings: Sequence[Finding], *, judged: bool) -> Table:
    """One row an arm."""
    classes = any("train_accuracy" in trace.metrics for arm in arms.values() for trace in arm)
    what, measure = ("accuracy", "accuracy") if classes else ("R2", "r2")
    kind: Literal["percent", "number"] = "percent" if classes else "number"
    seeds = max(map(len, arms.values()))
    return Table(
        name="runs",
        title="what was reached" + (f" (means over {seeds} seeds)" if seeds > 1 else ""),
        columns=(
            Column(name="run"),
            Column(name="train loss", kind="number"),
            Column(name="constant", kind="number", priority=3),
            Column(name="linear", kind="number", priority=3),
            Column(name=f"train {what}", kind=kind),
            Column(name=f"test {what}", kind=kind),
            Column(name="settles at epoch", kind="number", priority=2),
            Column(name="loss", kind="curve", priority=1),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(
            (
                name,
                *(mean(arm, f"{baseline}_loss") for baseline in ("train", "constant", "linear")),
                *(mean(arm, f"{part}_{measure}") for part in ("train", "test")),
                find_median([find_settling_epoch(trace.series["loss"]) for trace in arm]),
                draw_loss(arm),
                _say_verdict(name, findings) or ("healthy" if judged else "-"),
            )
            for name, arm in arms.items()
        ),
    )


def _say_verdict(run: str, findings: Sequence[Finding]) -> str:
    """The name of the likeliest cause; empty where there is none."""
    cause = next((each for each in findings if each.run == run and each.severity != "info"), None)
    return say_seeds(cause.name.replace("-", " "), cause.seeds["held"], cause.seeds["of"]) if cause else ""
