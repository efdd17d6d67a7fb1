"""The report on a script that was watched."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainlab import causes
from trainlab.describing import describe
from trainlab.judging import choose_exit_code, judge
from trainlab.pages._rules import say_rule
from trainlab.report import Answer, Column, Finding, Report, Run, Skipped, Table, Trace
from trainlab.rules._rule import Rule
from trainlab.watch._comparing import list_notes, merge, tabulate_ranks
from trainlab.watch._seen import Seen

if TYPE_CHECKING:
    from trainlab.watch import Options


def make_report(
    seen: Sequence[Seen | None], rules: Sequence[Rule], reported: frozenset[str], skipped: Sequence[Skipped], options: Options
) -> Report:
    """Every model that was stepped is a run, on every rank; what all ranks have in common is told once.

    Args:
        seen: by rank; None for one that was not heard of. The first is this process, and the only one where there are no others.
        rules: see `trainlab.judging.choose_rules`, for the next two as well.
        reported: codes.
        skipped: those that are ignored.
        options: of the command.
    """
    here = seen[0]
    assert here is not None
    heard = [each for each in seen if each is not None]
    traces = [trace for each in heard for trace in each.traces]
    findings, unjudged, judged = judge(rules, traces, reported)
    findings, unjudged = merge(findings, unjudged, [each.traces for each in heard])
    kept = tuple(
        replace(each, known=(each.code, each.run, each.where, each.severity) in options.baseline)
        for each in causes.keep([each for each in findings if each.code in reported])
    )
    notes = [f"ended by {here.why}, before its own end"] if here.why else []
    if here.looks:
        share = here.spent / here.seconds
        notes.append(f"{here.looks} update{'s' * (here.looks != 1)} looked at closely, at {100 * share:.1f} % of the script's time")
    notes += [f"watching was given up: {here.trouble}"] if here.trouble else []
    return Report(
        command="watch",
        complete=all(each is not None and each.complete for each in seen),
        environment={
            "torch": here.torch or "not imported",
            "python": platform.python_version(),
            "device": ", ".join(sorted({device for each in heard for device in each.devices})),
            **({"ranks": len(seen)} if len(seen) > 1 else {}),
        },
        answer=_answer(here, len(seen), kept),
        runs=tuple(_describe(trace, model) for each in heard for trace, model in zip(each.traces, each.models, strict=True)),
        tables=(
            *tabulate_ranks(seen),
            *_tabulate([each for each in here.traces if each.parameters and "gradient-norm" in each.series]),
        ),
        findings=kept,
        skipped=(*skipped, *(each for each in unjudged if each.code in reported)),
        notes=(*notes, *list_notes(seen)),
        rules={rule.code: rule.name for rule in rules if rule.code in reported},
        fail_on=options.fail_on,
        exit_code=choose_exit_code(kept, judged, options.fail_on),
        seconds={"script_s": here.seconds, "watching_s": here.spent},
    )


def _answer(here: Seen, ranks: int, findings: Sequence[Finding]) -> Answer:
    updates = sum(trace.updates for trace in here.traces)
    if not updates and not findings:
        what = "torch was not imported" if here.torch is None else "no step of a torch optimizer, no backward pass"
        more = "" if here.torch is None else "; what torch.func and torch.autograd.grad compute is not seen"
        return Answer(text=f"Nothing was seen: {what}{more}.", values={"updates": 0})
    faults = [each for each in findings if each.severity != "info"]
    values: dict[str, Any] = {
        "updates": updates,
        "healthy": not faults,
        "cause": faults[0].code if faults else None,
    }
    models = ", ".join(dict.fromkeys(model["model"] for model in here.models if model)) or "no model"
    together = f" on {ranks} ranks" if ranks > 1 else ""
    seen = f"{updates} update{'s' * (updates != 1)} of {models}{together} watched."
    if not faults:
        return Answer(text=f"Nothing wrong was found. {seen}", values=values)
    where = f" at {faults[0].where}" if faults[0].where else ""
    text = f"The likeliest cause of what is wrong{where}: {say_rule(faults[0].name)} ({faults[0].code}). {seen}"
    return Answer(text=text, values=values)


def _describe(trace: Trace, model: Mapping[str, Any]) -> Run:
    return replace(describe(trace), config=model)


def _tabulate(traces: Sequence[Trace]) -> tuple[Table, ...]:
    """The layers of each model: gradient, weight, and how far an update moves it; medians over the updates looked at."""
    tables = []
    for trace in traces:
        columns = [_take_median(trace, name) for name in ("gradient-norm", "weight-norm", "update-ratio")]
        tables.append(
            Table(
                name="layers",
                title="layers"
                + ("" if len(traces) == 1 else f" of {trace.name}")
                + f" (medians over {len(trace.series['gradient-norm'].at)} updates)",
                columns=(
                    Column(name="layer"),
                    Column(name="kind", priority=2),
                    Column(name="shape", priority=3),
                    Column(name="grad norm", kind="number"),
                    Column(name="log scale", kind="log-bar", priority=1),
                    Column(name="weight norm", kind="number", priority=1),
                    Column(name="update:weight", kind="number"),
                ),
                rows=tuple(
                    (each.name, each.module, "x".join(map(str, each.shape)), norms, norms, weights, ratios)
                    for each, norms, weights, ratios in zip(trace.parameters, *columns, strict=True)
                ),
            )
        )
    return tuple(tables)


def _take_median(trace: Trace, name: str) -> list[float | None]:
    values = trace.series[name].values
    if not len(values):
        return [None] * len(trace.parameters)
    with np.errstate(invalid="ignore"):
        return [float(each) for each in np.median(values, axis=0)]
