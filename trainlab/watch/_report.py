"""The report on a script that was watched."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainlab import causes
from trainlab.judging import choose_exit_code, judge
from trainlab.pages._rules import read_rules
from trainlab.report import Answer, Column, Finding, Report, Run, Skipped, Table, Trace
from trainlab.rules._rule import Rule
from trainlab.watch._record import Record
from trainlab.watch._traces import make_trace

if TYPE_CHECKING:
    from trainlab.watch import Ended, Options


def make_report(
    ended: Ended, rules: Sequence[Rule], reported: frozenset[str], skipped: Sequence[Skipped], options: Options
) -> Report:
    """Every model that was stepped is a run."""
    records = [each for each in ended.observer.records if each.steps]
    names = ["base" if len(records) == 1 else record.name for record in records]
    register = ended.observer.register
    idle = [f"{each.kind} (made at {each.where})" for each in register.list_idle()] if ended.complete else None
    traces = [
        make_trace(record, name=name, idle=idle if position == 0 or idle is None else ())
        for position, (record, name) in enumerate(zip(records, names, strict=True))
    ]
    findings, unjudged, judged = judge(rules, traces, reported)
    kept = tuple(
        replace(each, known=(each.code, each.run, each.where) in options.baseline)
        for each in causes.keep([each for each in findings if each.code in reported])
    )
    torch = sys.modules["torch"] if ended.torch else None
    notes = [f"ended by {ended.why}, before its own end"] if ended.why else []
    if records:
        looks, share = sum(len(record.at) for record in records), ended.observer.guard.spent / ended.seconds
        notes.append(f"{looks} update{'s' * (looks != 1)} looked at closely, at {100 * share:.1f} % of the script's time")
    notes += [f"watching was given up: {ended.observer.guard.trouble}"] if ended.observer.guard.trouble else []
    return Report(
        command="watch",
        complete=ended.complete,
        environment={
            "torch": getattr(torch, "__version__", "not imported"),
            "python": platform.python_version(),
            "device": ", ".join(sorted({record.device for record in records})),
        },
        answer=_answer(records, kept, ended),
        runs=tuple(_describe(trace, record) for trace, record in zip(traces, records, strict=True)),
        tables=_tabulate(traces),
        findings=kept,
        skipped=(*skipped, *(each for each in unjudged if each.code in reported)),
        notes=tuple(notes),
        rules={rule.code: rule.name for rule in rules if rule.code in reported},
        fail_on=options.fail_on,
        exit_code=choose_exit_code(kept, judged, options.fail_on),
        seconds={"script_s": ended.seconds, "watching_s": ended.observer.guard.spent},
    )


def _answer(records: Sequence[Record], findings: Sequence[Finding], ended: Ended) -> Answer:
    if not records:
        what = "torch was not imported" if not ended.torch else "no step of a torch optimizer, no backward pass"
        more = "" if not ended.torch else "; what torch.func and torch.autograd.grad compute is not seen"
        return Answer(text=f"Nothing was seen: {what}{more}.", values={"updates": 0})
    updates = sum(record.steps for record in records)
    faults = [each for each in findings if each.severity != "info"]
    values: dict[str, Any] = {
        "updates": updates,
        "healthy": not faults,
        "cause": faults[0].code if faults else None,
    }
    models = ", ".join(dict.fromkeys(record.name for record in records))
    seen = f"{updates} update{'s' * (updates != 1)} of {models} watched."
    if not faults:
        return Answer(text=f"Nothing wrong was found. {seen}", values=values)
    title = next(page.title for page in read_rules() if page.name == faults[0].name).rstrip(".")
    if title[1].islower():  # no "NaN"
        title = title[0].lower() + title[1:]
    where = f" at {faults[0].where}" if faults[0].where else ""
    return Answer(text=f"The likeliest cause of what is wrong{where}: {title} ({faults[0].code}). {seen}", values=values)


def _describe(trace: Trace, record: Record) -> Run:
    from trainlab.study import describe  # imports torch, which a script may do without

    settings = [
        {name: value for name, value in each.items() if isinstance(value, str | int | float | bool)}
        for each in record.optimizers.values()
    ]
    return replace(describe(trace), config={"model": record.name, "optimizers": settings})


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
