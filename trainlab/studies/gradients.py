"""Does the gradient reach every layer?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trainlab.config import Config
from trainlab.plan import Conclusion, Options, Plan
from trainlab.report import Answer, Column, Finding, Skipped, Table, Trace
from trainlab.studies._arms import by_arm, plan_runs
from trainlab.studies._time_steps import tabulate_steps, tell_steps

PROBES = (
    "gradient-norm",
    "gradient-mean-abs",
    "gradient-max-abs",
    "zero-fraction",
    "update-ratio",
    "activations",
    "output-gradients",
    "accuracy",
    "step-gradients",
)
RULES = (
    "vanishing-gradient",
    "exploding-gradient",
    "dead-units",
    "no-gradient",
    "non-finite",
    "poor-initialisation",
)
WORDS = {
    "G001": "vanishing",
    "G002": "exploding",
    "G003": "dead units",
    "G005": "no gradient",
    "G006": "not finite",
    "G007": "poor start",
}


def first(config: Config, options: Options) -> Plan:  # noqa: ARG001  # the base is the first of the arms
    """One update of every arm, or `steps` updates."""
    steps = options.chosen.get("steps", 1)

    def shorten(each: Config) -> Config:
        return replace(each, train=replace(each.train, epochs=steps, updates=steps))  # an epoch has at least one update

    return Plan(runs=plan_runs(options.arms, options.seeds, shorten), probes=PROBES, rules=RULES)


def conclude(
    config: Config,  # noqa: ARG001  # one signature for all studies
    options: Options,
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],  # noqa: ARG001
) -> Conclusion:
    """What is wrong and where it starts; the layers of the base; the arms side by side."""
    arms = by_arm(traces)
    tables = [_tabulate_arms(arms, findings)] if len(arms) > 1 else []
    tables += tabulate_steps(arms)
    tables.append(_tabulate_layers(traces[0], findings, moved=options.chosen.get("steps", 1) > 1, seeds=len(options.seeds)))
    return Conclusion(answer=tell_steps(arms, _answer(arms, findings)), tables=tuple(tables), findings=tuple(findings))


def _weights(trace: Trace) -> list[int]:
    """Positions of the weight matrices and filters; of every parameter where there is none."""
    chosen = [index for index, parameter in enumerate(trace.parameters) if parameter.is_weight]
    return chosen or list(range(len(trace.parameters)))


def _last_norms(trace: Trace) -> np.ndarray:
    """Gradient norm of each weight at the last measured update; empty if nothing was measured."""
    series = trace.series.get("gradient-norm")
    return series.values[-1, _weights(trace)] if series is not None and len(series.values) else np.empty(0)


def _verdict(findings: Sequence[Finding], run: str) -> str:
    """The worst finding of a run in a word."""
    words = [WORDS[each.code] for each in findings if each.run == run and each.code in WORDS]
    return words[0] if words else "healthy"


def _answer(arms: dict[str, list[Trace]], findings: Sequence[Finding]) -> Answer:
    base = next(iter(arms.values()))[0]
    norms = _last_norms(base)
    weights = [base.parameters[index].name for index in _weights(base)]
    if not len(norms):
        return Answer(text="Nothing could be measured.", values={"verdict": None})
    first, last = float(norms[0]), float(norms[-1])
    values: dict[str, Any] = {
        "verdict": _verdict(findings, base.name),
        "first": {"layer": weights[0], "grad_norm": first},
        "last": {"layer": weights[-1], "grad_norm": last},
        "starts_at": None,
    }
    found = next((each for each in findings if each.run == base.name and each.code in WORDS), None)
    reach = f"{weights[0]} gets {first:.4g}, {weights[-1]} gets {last:.4g}"
    if found is not None and found.code in ("G001", "G002"):
        values["starts_at"] = found.evidence.get("starts_at", found.where)
        factor = found.evidence.get("per_layer_factor")
        if found.code == "G001":
            pace = f"each layer passes back {factor:.3g} of what it gets, so " if factor is not None else ""
            text = f"Gradients vanish on the way to the input: {pace}{reach}; it starts at {values['starts_at']}."
        else:
            text = f"Gradients explode: {found.message.partition(';')[0]} ({reach})."
        held, of = found.seeds["held"], found.seeds["of"]
        text += f" So in {held} of {of} seeds." if held < of else ""
    elif not norms.all():
        silent = [name for name, norm in zip(weights, norms, strict=True) if norm == 0]
        values |= {"verdict": "no gradient", "starts_at": silent[-1]}
        which = silent[0] if len(silent) == 1 else f"{silent[0]} .. {silent[-1]}"
        share = f"{len(silent)} of {len(weights)} layers ({which}): {reach}"
        text = (
            f"No gradient reaches {share}."
            if len(silent) < len(weights)
            else f"No gradient reaches any of the {len(weights)} layers."
        )
    elif not np.isfinite(norms).all():
        text = f"Gradients leave the finite numbers: {reach}."
    elif len(weights) == 1:
        text = f"There is one weight layer, and the gradient reaches it: {reach.partition(',')[0]}."
    else:
        text = f"The gradient reaches every layer: {reach}."
    if found is not None and found.code == "G005":
        causes = (each.message for each in findings if each.run == base.name and each.code == found.because)
        cause = next(causes, "").rstrip(".")
        text += f" {cause[0].upper()}{cause[1:]}." if cause else ""
    elif found is not None and found.code not in ("G001", "G002"):
        values["starts_at"] = found.where
        message = found.message.rstrip(".")
        text = f"{message}." if found.code == "G006" else f"{text} But {message}."
    cured = [name for name in list(arms)[1:] if _verdict(findings, name) == "healthy" and _flows(arms[name])]
    if (found is not None or not norms.all()) and len(arms) > 1:
        text += f" Mended by {'; '.join(cured)}." if cured else " None of the changes tried mends it."
    return Answer(text=text, values=values)


def _flows(arm: Sequence[Trace]) -> bool:
    """In every seed every weight gets a gradient, and a finite one."""
    return all(len(norms) and norms.all() and np.isfinite(norms).all() for norms in map(_last_norms, arm))


def _tabulate_arms(arms: dict[str, list[Trace]], findings: Sequence[Finding]) -> Table:
    rows: list[tuple[Any, ...]] = []
    for name, arm in arms.items():
        norms = np.median([_last_norms(trace) for trace in arm], axis=0)
        if not len(norms):
            rows.append((name, None, None, None, None, "not measured"))
            continue
        ratio = float(norms[0] / norms[-1]) if norms[-1] else None
        word = _verdict(findings, name)
        if word == "healthy" and not _flows(arm):
            word = "no gradient"
        rows.append((name, float(norms[0]), float(norms[-1]), ratio, norms.tolist(), word))
    seeds = max(map(len, arms.values()))
    return Table(
        name="arms",
        title="side by side: gradient norm of the weights" + (f" (medians of {seeds} seeds)" if seeds > 1 else ""),
        columns=(
            Column(name="run"),
            Column(name="first", kind="number"),
            Column(name="last", kind="number"),
            Column(name="first/last", kind="number"),
            Column(name="input to output", kind="strip", priority=1),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
    )


def _tabulate_layers(trace: Trace, findings: Sequence[Finding], *, moved: bool, seeds: int) -> Table:
    chosen = _weights(trace)
    last = {
        name: trace.series[name].values[-1] if name in trace.series else np.full(len(trace.parameters), np.nan)
        for name in ("gradient-norm", "gradient-mean-abs", "gradient-max-abs", "zero-fraction", "update-ratio")
    }
    words: dict[str, str] = {}
    for finding in reversed([each for each in findings if each.run == trace.name and each.code in WORDS]):
        for name in finding.evidence.get("layers", [finding.where]):
            words[name] = WORDS[finding.code]
    signals = _signals(trace)
    rows = []
    for index in chosen:
        parameter = trace.parameters[index]
        norm = float(last["gradient-norm"][index])
        word = words.get(parameter.name) or ("no gradient" if norm == 0 else "ok" if np.isfinite(norm) else "not finite")
        owner = parameter.name.rpartition(".")[0]
        moves = float(last["update-ratio"][index])
        rows.append(
            (
                parameter.name,
                parameter.module,
                "x".join(map(str, parameter.shape)),
                norm,
                norm,
                *([trace.series["gradient-norm"].values[:, index].tolist()] if moved else []),
                float(last["gradient-mean-abs"][index]),
                float(last["gradient-max-abs"][index]),
                float(last["zero-fraction"][index]),
                None if np.isnan(moves) else moves,
                *signals.get(owner, (None,) * 5),
                word,
            )
        )
    which = trace.name if seeds == 1 else f"{trace.name}, seed {trace.seed},"
    when = f" at update {int(trace.series['gradient-norm'].at[-1])}" if "gradient-norm" in trace.series else ""
    return Table(
        name="layers",
        title=f"layers of {which}{when}",
        columns=(
            Column(name="layer"),
            Column(name="kind", priority=4),
            Column(name="shape", priority=5),
            Column(name="grad norm", kind="number"),
            Column(name="log scale", kind="log-bar"),
            *((Column(name="over the updates", kind="strip", priority=1),) if moved else ()),
            Column(name="mean |g|", kind="number", priority=7),
            Column(name="max |g|", kind="number", priority=8),
            Column(name="zeros", kind="percent", priority=3),
            Column(name="update:weight", kind="number", priority=2),
            Column(name="out mean", kind="number", priority=6),
            Column(name="out std", kind="number", priority=6),
            Column(name="grad at out", kind="number", priority=6),
            Column(name="saturated", kind="percent", priority=9),
            Column(name="dead", kind="percent", priority=9),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
    )


def _signals(trace: Trace) -> dict[str, tuple[float | None, ...]]:
    """What leaves each weight layer, by module name: its mean and spread, the root mean square of the gradient there.

    And of its norm and activation, where it has them, the shares that are saturated and dead.
    """
    if "activation-mean" not in trace.arrays:
        return {}
    columns = [trace.arrays[f"activation-{name}"] for name in ("mean", "std", "saturated", "dead")]
    squares = trace.arrays.get("output-gradient-square", np.full(len(trace.modules), np.nan))
    columns.insert(2, np.sqrt(squares))
    owners = {trace.parameters[index].name.rpartition(".")[0] for index in _weights(trace)}
    found: dict[str, tuple[float | None, ...]] = {}
    current = None
    for index, module in enumerate(trace.modules):
        current = module.name if module.name in owners else current
        if current is not None:
            measured = (float(column[index]) for column in columns)
            found[current] = tuple(None if np.isnan(value) else value for value in measured)
    return found
