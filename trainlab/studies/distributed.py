"""Do N ranks compute the update that one process would?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trainlab.config import Config
from trainlab.plan import Arm, Conclusion, Options, Plan, PlannedRun, Ranks
from trainlab.report import Answer, Finding, Skipped, Trace
from trainlab.studies._arms import by_arm, make_arm, plan_runs
from trainlab.studies._rank_tables import (
    ROUNDING,
    Effect,
    find_arm,
    find_worst,
    tabulate_arms,
    tabulate_causes,
    tabulate_layers,
    tabulate_speed,
    tabulate_updates,
    tabulate_work,
)
from trainlab.studies._switches import Cause, isolate, list_causes, make_ideal

PROBES = ()
RULES = ("ranks-disagree", "reduction-mismatch", "batch-norm-unsynced")
STEPS, TIMEOUT = 5, 60.0
WORDS = {"P001": "ranks disagree", "P002": "wrong reduction", "P003": "batch norm per rank"}


def first(config: Config, options: Options) -> Plan:  # noqa: ARG001  # the base is the first of the arms
    """Every arm; and the base with all that can set ranks apart mended, with each of these alone, and with each mended alone."""
    patch = {f"distributed.{name}": options.chosen[name] for name in ("ranks", "sharding") if name in options.chosen}
    arms = [_patch(arm, patch) for arm in options.arms]
    base = arms[0]
    beside = [make_arm(base.config, each) for each in _list_patches(base.config)]
    steps = options.chosen.get("steps", STEPS)

    def shorten(each: Config) -> Config:
        return replace(each, train=replace(each.train, updates=min(steps, each.train.updates or steps)))

    runs = plan_runs(arms, options.seeds, shorten)
    named = {run.name for run in runs}
    more = plan_runs([arm for arm in beside if arm.name not in named], options.seeds, shorten)
    runs += tuple(PlannedRun(name=run.name, patch=run.patch, config=run.config, judged=False) for run in more)
    ranks = Ranks(steps=steps, timeout=options.chosen.get("timeout", TIMEOUT), timed="timed" in options.chosen)
    return Plan(runs=runs, probes=PROBES, rules=RULES, ranks=ranks)


def _patch(arm: Arm, patch: Mapping[str, Any]) -> Arm:
    """The arm, computed by as many ranks and shared out as the command asks for, unless that is what it changes."""
    own = {key: value for key, value in patch.items() if key not in arm.patch}
    return Arm(name=arm.name, patch=arm.patch, config=make_arm(arm.config, own).config) if own else arm


def _list_patches(config: Config) -> list[Mapping[str, Any]]:
    """Of the runs beside the base that tell its causes apart, each once."""
    causes = list_causes(config)
    patches: list[Mapping[str, Any]] = [make_ideal(config), *(isolate(config, cause) for cause in causes)]
    if len(causes) > 1:
        patches += [cause.mended for cause in causes]
    return [patch for place, patch in enumerate(patches) if patch and patch not in patches[:place]]


def conclude(
    config: Config,  # noqa: ARG001  # one signature for all studies
    options: Options,
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],  # noqa: ARG001
) -> Conclusion:
    """Whether the update is the same, and if it is not, what by."""
    arms = by_arm(traces)
    base = next(iter(arms.values()))
    effects = _weigh(arms, base)
    shown = {name: arm for name, arm in arms.items() if name in {each.name for each in options.arms}}
    verdicts = {name: _judge(name, arm, findings) for name, arm in shown.items()}
    tables = [tabulate_arms(shown, verdicts), tabulate_causes(effects, arms, base)]
    tables += [tabulate_layers(base), tabulate_updates(base), tabulate_work(shown)]
    if "step_s" in base[0].metrics:
        tables.append(tabulate_speed(shown))
    return Conclusion(
        answer=_answer(base, effects, arms, verdicts),
        tables=tuple(tables),
        findings=tuple(each for each in findings if each.run in shown),
        about=frozenset(shown),
    )


def _weigh(arms: Mapping[str, Sequence[Trace]], base: Sequence[Trace]) -> list[Effect]:
    """The causes that are there in the base, the largest effect first; those whose runs were not made are left out."""
    config = base[0].config
    causes = list_causes(config)
    ideal = find_arm(arms, base, config, make_ideal(config))
    left = 0.0 if ideal is None else find_worst(ideal, "gradient-error-float64")
    found = []
    for cause in causes:
        alone = find_arm(arms, base, config, isolate(config, cause))
        without = find_arm(arms, base, config, cause.mended) if len(causes) > 1 else None
        if alone is None or not _is_there(cause, base):
            continue
        found.append(
            Effect(
                cause=cause,
                single=find_worst(alone, "gradient-error"),
                alone=find_worst(alone, "gradient-error-float64"),
                without=None if without is None else find_worst(without, "gradient-error-float64"),
                buffers=find_worst(alone, "buffer-spread-float64"),
                left=left,
            )
        )
    return sorted(found, key=lambda effect: -effect.alone)


def _is_there(cause: Cause, base: Sequence[Trace]) -> bool:
    """Whether the data and the network of the base have what the cause needs."""
    trace = base[0]
    match cause.needs:
        case "batch norm":
            return bool(trace.metrics.get("batch_norms"))
        case "draws":
            return bool(trace.metrics.get("draws"))
        case "repeated":
            return find_worst(base, "repeated") > 0
        case "uneven":
            return bool((trace.series["largest-share"].values > trace.series["smallest-share"].values).any())
        case _:
            return True


def _answer(
    base: Sequence[Trace], effects: Sequence[Effect], arms: Mapping[str, Sequence[Trace]], verdicts: Mapping[str, str]
) -> Answer:
    trace = base[0]
    ranks, batch = trace.config.distributed.ranks, int(trace.metrics["effective_batch"] or 0)
    single, double = find_worst(base, "gradient-error"), find_worst(base, "gradient-error-float64")
    apart = find_worst(base, "rank-spread-float64") > ROUNDING
    felt = [effect for effect in effects if effect.is_felt]
    values: dict[str, Any] = {
        "same": double <= ROUNDING and not apart,
        "ranks": ranks,
        "effective_batch": batch,
        "gradient_error": single,
        "gradient_error_float64": double,
        "causes": {effect.cause.name: effect.alone for effect in effects},
        "verdicts": verdicts,
    }
    faults = [effect for effect in felt if effect.cause.is_fault]
    meant = [effect for effect in felt if not effect.cause.is_fault]
    ideal = find_arm(arms, base, trace.config, make_ideal(trace.config)) or base
    rest = (find_worst(ideal, "gradient-error"), find_worst(ideal, "gradient-error-float64"))
    says = f"{ranks} ranks compute the update that one process would on their {batch} samples"
    if values["same"] and not faults:
        text = f"{says}: gradients agree {_say_agreement(trace.config.train.precision, single, double)}."
    elif meant and not faults and not apart and rest[1] <= ROUNDING:
        names = " and ".join(effect.cause.name for effect in meant)
        text = f"{says}, but for {names}, as is meant: that is {_percent(double)} of the gradient; "
        text += f"with one process's own they agree {_say_agreement(trace.config.train.precision, *rest)}."
    else:
        told = [f"{effect.cause.name} ({_say_effect(effect)} alone)" for effect in faults]
        other = "the weights differ between ranks" if apart else f"none of the causes known explains it{_suspect(trace)}"
        text = f"{ranks} ranks do not compute the update that one process would: the gradient is off by {_percent(double)}"
        largest = felt[0] if told else None
        if largest is not None and not largest.cause.is_fault:
            aim = " and ".join(f"{effect.cause.name} ({_percent(effect.alone)} alone)" for effect in meant)
            text += f", by {aim}, as is meant, and by {', then '.join(told)}, which is not."
            meant = []
        else:
            text += f", because of {', then '.join(told)}." if told else f"; {other}."
        text += f" {faults[0].cause.advice}" if faults and faults[0].cause.advice else ""
        if told and rest[1] > ROUNDING:
            text += f" Without it, {_percent(rest[1])} is left that none of the causes known explains{_suspect(trace)}."
        for effect in meant:
            text += f" What {effect.cause.name} add, {_percent(effect.alone)}, is meant."
    return Answer(text=text, values=values)


def _suspect(trace: Trace) -> str:
    """What a loss of the user's own may do, and no switch here undoes."""
    named = isinstance(trace.config.loss, str)
    return "" if named else ", but a mean over tokens, of which the ranks have different numbers, would"


def _say_agreement(precision: str, single: float, double: float) -> str:
    if precision == "float64":
        return f"to {double:.1e}, as the order of the sums allows"
    return f"to {single:.1e} in {precision} and {double:.1e} in float64, as the order of the sums allows"


def _say_effect(effect: Effect) -> str:
    return _percent(effect.alone) if effect.alone > ROUNDING else "no gradient, but running statistics,"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if np.isfinite(share) else "infinitely much"


def _judge(name: str, arm: Sequence[Trace], findings: Sequence[Finding]) -> str:
    """One arm in a word or two."""
    words = [WORDS[each.code] for each in findings if each.run == name and each.code in WORDS]
    if words:
        return words[0]
    return "same" if find_worst(arm, "gradient-error-float64") <= ROUNDING else "differs"
