"""Do N ranks compute the update that one process would?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainlab.config import Config
from trainlab.plan import Arm, Conclusion, Options, Plan, PlannedRun, Ranks
from trainlab.report import Answer, Column, Finding, Skipped, Table, Trace
from trainlab.studies._arms import by_arm, make_arm, plan_runs
from trainlab.studies._switches import IDEAL, Cause, isolate, list_causes, make_ideal

PROBES = ()
RULES = ("ranks-disagree", "reduction-mismatch", "batch-norm-unsynced")
STEPS, TIMEOUT = 5, 60.0
ROUNDING = 1e-9
"""Relative difference in float64 up to which only the order of a sum can differ: a thousand times what was ever seen of that."""

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
    ranks = Ranks(steps=steps, timeout=options.chosen.get("timeout", TIMEOUT), timed="time" in options.chosen)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a cause does to the base.

    Attributes:
        cause: what was switched.
        single: how far it alone, all else mended, puts the gradient off, in the run's number format.
        alone: the same in float64.
        without: how far off it is when it alone is mended, in float64; None where there is nothing else.
        buffers: by how much running statistics differ between the ranks, with it alone.
    """

    cause: Cause
    single: float
    alone: float
    without: float | None
    buffers: float

    @property
    def is_felt(self) -> bool:
        """It does more than the order of the sums."""
        return max(self.alone, self.buffers) > ROUNDING


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
    tables = [_tabulate_arms(shown, findings), _tabulate_causes(effects, arms, base)]
    tables += [_tabulate_layers(base), _tabulate_updates(base), _tabulate_work(shown)]
    if "step_s" in base[0].metrics:
        tables.append(_tabulate_times(shown))
    return Conclusion(
        answer=_answer(base, effects, arms, {name: _judge(name, arm, findings) for name, arm in shown.items()}),
        tables=tuple(tables),
        findings=tuple(each for each in findings if each.run in shown),
        about=frozenset(shown),
    )


def _worst(arm: Sequence[Trace], name: str) -> float:
    """The largest value of a series over updates, parameters and seeds; 0 where nothing was measured."""
    return max((float(trace.series[name].values.max()) for trace in arm if name in trace.series), default=0.0)


def _weigh(arms: Mapping[str, Sequence[Trace]], base: Sequence[Trace]) -> list[Effect]:
    """The causes that are there in the base, the largest effect first; those whose runs were not made are left out."""
    config = base[0].config
    causes = list_causes(config)
    found = []
    for cause in causes:
        alone = _find(arms, base, config, isolate(config, cause))
        without = _find(arms, base, config, cause.mended) if len(causes) > 1 else None
        if alone is None or not _is_there(cause, base):
            continue
        found.append(
            Effect(
                cause=cause,
                single=_worst(alone, "gradient-error"),
                alone=_worst(alone, "gradient-error-float64"),
                without=None if without is None else _worst(without, "gradient-error-float64"),
                buffers=_worst(alone, "buffer-spread-float64"),
            )
        )
    return sorted(found, key=lambda effect: -effect.alone)


def _find(
    arms: Mapping[str, Sequence[Trace]], base: Sequence[Trace], config: Config, patch: Mapping[str, Any]
) -> Sequence[Trace] | None:
    return arms.get(make_arm(config, patch).name) if patch else base


def _is_there(cause: Cause, base: Sequence[Trace]) -> bool:
    """Whether the data and the network of the base have what the cause needs."""
    trace = base[0]
    match cause.needs:
        case "batch norm":
            return bool(trace.metrics.get("batch_norms"))
        case "draws":
            return bool(trace.metrics.get("draws"))
        case "repeated":
            return _worst(base, "repeated") > 0
        case "uneven":
            return bool((trace.series["largest-share"].values > trace.series["smallest-share"].values).any())
        case _:
            return True


def _answer(
    base: Sequence[Trace], effects: Sequence[Effect], arms: Mapping[str, Sequence[Trace]], verdicts: Mapping[str, str]
) -> Answer:
    trace = base[0]
    ranks, batch = trace.config.distributed.ranks, int(trace.metrics["effective_batch"] or 0)
    single, double = _worst(base, "gradient-error"), _worst(base, "gradient-error-float64")
    apart = _worst(base, "rank-spread-float64") > ROUNDING
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
    says = f"{ranks} ranks compute the update that one process would on their {batch} samples"
    if values["same"] and not faults:
        text = f"{says}: gradients agree {_say_agreement(trace.config.train.precision, single, double)}."
    elif meant and not faults and not apart:
        ideal = _find(arms, base, trace.config, make_ideal(trace.config)) or base
        names = " and ".join(effect.cause.name for effect in meant)
        rest = (_worst(ideal, "gradient-error"), _worst(ideal, "gradient-error-float64"))
        text = f"{says}, but for {names}, as is meant: that is {_percent(double)} of the gradient; "
        text += f"with one process's own they agree {_say_agreement(trace.config.train.precision, *rest)}."
    else:
        told = [f"{effect.cause.name} ({_say_effect(effect)} alone)" for effect in faults]
        other = "the weights differ between ranks" if apart else "none of the causes known explains it"
        text = f"{ranks} ranks do not compute the update that one process would: the gradient is off by {_percent(double)}"
        text += f", because of {', then '.join(told)}." if told else f"; {other}."
        text += f" {faults[0].cause.advice}" if faults and faults[0].cause.advice else ""
        for effect in meant:
            text += f" What {effect.cause.name} add, {_percent(effect.alone)}, is meant."
    return Answer(text=text, values=values)


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
    return "same" if _worst(arm, "gradient-error-float64") <= ROUNDING else "differs"


def _tabulate_arms(shown: Mapping[str, Sequence[Trace]], findings: Sequence[Finding]) -> Table:
    rows = []
    for name, arm in shown.items():
        factors = np.concatenate([trace.series["gradient-factor-float64"].values for trace in arm])
        rows.append(
            (
                name,
                _judge(name, arm, findings),
                _worst(arm, "gradient-error"),
                _worst(arm, "gradient-error-float64"),
                _worst(arm, "gradient-difference-abs-float64"),
                float(factors[int(np.argmax(np.abs(factors - 1)))]),
                _worst(arm, "weight-error"),
                _worst(arm, "weight-error-float64"),
                _worst(arm, "buffer-difference-float64"),
                _worst(arm, "rank-spread-float64"),
            )
        )
    precision = next(iter(shown.values()))[0].config.train.precision
    return Table(
        name="arms",
        title="ranks against one process: how far off, as a share of the length",
        columns=(
            Column(name="run"),
            Column(name="verdict", kind="verdict"),
            Column(name=f"gradient {precision}" if precision != "float64" else "gradient", kind="number"),
            Column(name="gradient float64", kind="number"),
            Column(name="absolute", kind="number", priority=4),
            Column(name="times as long", kind="number", priority=1),
            Column(name=f"weights {precision}" if precision != "float64" else "weights", kind="number", priority=6),
            Column(name="weights float64", kind="number", priority=2),
            Column(name="buffers", kind="number", priority=5),
            Column(name="between ranks", kind="number", priority=3),
        ),
        rows=tuple(rows),
    )


def _tabulate_causes(effects: Sequence[Effect], arms: Mapping[str, Sequence[Trace]], base: Sequence[Trace]) -> Table:
    """What each cause does to the gradient of the base; the order of the sums is what is left when all are mended."""
    config = base[0].config
    rows: list[tuple[Any, ...]] = [
        (each.cause.name, each.alone, each.single, each.without, each.buffers, each.cause.setting) for each in effects
    ]
    ideal = _find(arms, base, config, make_ideal(config))
    if ideal is not None:
        rows.append((IDEAL, _worst(ideal, "gradient-error-float64"), _worst(ideal, "gradient-error"), None, 0.0, ""))
    return Table(
        name="causes",
        title="what the gradient of base is off by, and why",
        columns=(
            Column(name="cause"),
            Column(name="alone", kind="number"),
            Column(name=f"alone in {config.train.precision}", kind="number", priority=2),
            Column(name="without it", kind="number", priority=1),
            Column(name="buffers apart", kind="number", priority=3),
            Column(name="setting"),
        ),
        rows=tuple(rows),
    )


def _tabulate_layers(base: Sequence[Trace]) -> Table:
    names = ("gradient-difference-abs", "gradient-difference", "gradient-difference-float64", "weight-difference-float64")
    worst = {name: np.max([trace.series[name].values.max(axis=0) for trace in base], axis=0) for name in names}
    at = base[0].series["gradient-difference-float64"]
    rows = [
        (
            parameter.name,
            *(float(worst[name][column]) for name in names),
            int(at.at[int(np.argmax(at.values[:, column]))]),
        )
        for column, parameter in enumerate(base[0].parameters)
    ]
    return Table(
        name="layers",
        title="layers of base: largest difference of any update",
        columns=(
            Column(name="layer"),
            Column(name="absolute", kind="number", priority=2),
            Column(name="relative", kind="number"),
            Column(name="in float64", kind="number"),
            Column(name="weights float64", kind="number", priority=1),
            Column(name="at update", kind="number", priority=3),
        ),
        rows=tuple(rows),
    )


def _tabulate_updates(base: Sequence[Trace]) -> Table:
    trace = base[0]
    rows = []
    for row, update in enumerate(trace.series["samples"].at):
        pick = {
            name: float(trace.series[name].values[row].max())
            for name in (
                *("samples", "smallest-share", "largest-share", "repeated"),
                *("gradient-error", "gradient-error-float64", "weight-error-float64"),
            )
        }
        shares = f"{pick['smallest-share']:g}"
        shares += f" to {pick['largest-share']:g}" if pick["largest-share"] > pick["smallest-share"] else ""
        rows.append(
            (
                int(update),
                int(pick["samples"]),
                shares,
                int(pick["repeated"]),
                pick["gradient-error"],
                pick["gradient-error-float64"],
                pick["weight-error-float64"],
            )
        )
    return Table(
        name="updates",
        title="updates of base",
        columns=(
            Column(name="update", kind="number"),
            Column(name="samples", kind="number", priority=2),
            Column(name="a rank"),
            Column(name="repeated", kind="number", priority=3),
            Column(name="gradient", kind="number"),
            Column(name="in float64", kind="number"),
            Column(name="weights float64", kind="number", priority=1),
        ),
        rows=tuple(rows),
    )


def _tabulate_work(shown: Mapping[str, Sequence[Trace]]) -> Table:
    rows = []
    for name, arm in shown.items():
        trace, section = arm[0], arm[0].config.distributed
        accumulate = trace.config.train.accumulate
        own = trace.config.train.batch_size
        samples = trace.sizes["train"]
        alone = math.ceil(math.ceil(samples / own) / accumulate) if own is not None else 1
        metrics = trace.metrics
        rows.append(
            (
                name,
                trace.how.removeprefix("by "),
                section.sharding,
                metrics["samples_per_rank"],
                metrics["effective_batch"],
                metrics["updates_per_epoch"],
                alone,
            )
        )
    return Table(
        name="work",
        title="who does what",
        columns=(
            Column(name="run"),
            Column(name="computed by", priority=3),
            Column(name="sharding", priority=2),
            Column(name="samples a rank", kind="number", priority=1),
            Column(name="effective batch", kind="number"),
            Column(name="updates an epoch", kind="number"),
            Column(name="by one process", kind="number"),
        ),
        rows=tuple(rows),
    )


def _tabulate_times(shown: Mapping[str, Sequence[Trace]]) -> Table:
    rows = []
    for name, arm in shown.items():
        step, meeting, alone = (float(np.median([trace.metrics[key] or np.nan for trace in arm])) for key in _TIMES)
        ranks = arm[0].config.distributed.ranks
        rows.append((name, ranks, 1e3 * step, 1e3 * meeting, 1e3 * alone, alone / step, ranks, alone / step / ranks))
    return Table(
        name="times",
        title="milliseconds an update (medians)",
        columns=(
            Column(name="run"),
            Column(name="ranks", kind="number", priority=3),
            Column(name="update", kind="number"),
            Column(name="all-reduce", kind="number"),
            Column(name="one process", kind="number", priority=1),
            Column(name="speed-up", kind="number"),
            Column(name="ideal", kind="number", priority=2),
            Column(name="of the ideal", kind="percent"),
        ),
        rows=tuple(rows),
    )


_TIMES = ("step_s", "all_reduce_s", "one_process_s")
