"""What was measured, as a report shows it: a trace as a run, and what has to be said of how runs were trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainlab.config import to_values
from trainlab.report import Number, Run, Trace
from trainlab.settling import find_settling_epoch

FEW = 5  # names listed in a note
MANY_SKIPPED = 0.05
"""Share of the updates of an fp16 run that may be skipped in silence: the first ones find the loss scale."""


def describe(trace: Trace) -> Run:
    """A trace as a report shows it."""
    last = {name: series.values[-1] for name, series in trace.series.items() if series.values.ndim == 2 and len(series.values)}
    columns = {
        "grad_norm": "gradient-norm",
        "grad_mean_abs": "gradient-mean-abs",
        "grad_max_abs": "gradient-max-abs",
        "zero_fraction": "zero-fraction",
        "update_ratio": "update-ratio",
    }
    layers = tuple(
        {
            "name": parameter.name,
            "module": parameter.module,
            "shape": list(parameter.shape),
            **{column: float(last[name][index]) for column, name in columns.items() if name in last},
        }
        for index, parameter in enumerate(trace.parameters)
    )
    statistics = ("mean", "std", "saturated", "dead")
    squares = trace.arrays.get("output-gradient-square")
    modules = tuple(
        {
            "name": module.name,
            "kind": module.kind,
            **{name: float(trace.arrays[f"activation-{name}"][index]) for name in statistics},
            **({} if squares is None else {"grad_rms": math.sqrt(squares[index])}),
        }
        for index, module in enumerate(trace.modules)
        if "activation-mean" in trace.arrays
    )
    return Run(
        name=trace.name,
        patch=trace.patch,
        seed=trace.seed,
        config=to_values(trace.config),
        metrics=_metrics(trace),
        layers=layers,
        modules=modules,
        series=trace.series,
        how=trace.how,
    )


def _metrics(trace: Trace) -> Mapping[str, Number]:
    loss = trace.series.get("loss")
    return {
        **trace.metrics,
        "epochs_to_converge": find_settling_epoch(loss) if loss else None,
        "updates": trace.updates,
        "diverged_at": trace.nonfinite.update if trace.nonfinite else None,
        "best_epoch": trace.best_epoch,
        "stopped_at": trace.stopped,
        **({} if trace.scaling is None else {"skipped_updates": trace.scaling.skipped, "loss_scale": trace.scaling.scale}),
    }


def list_notes(traces: Sequence[Trace]) -> tuple[str, ...]:
    """What the user should know of how runs were trained: those that could not be stacked, and fp16 updates that were skipped."""
    return (*_explain_fallbacks(traces), *_explain_skips(traces))


def _explain_skips(traces: Sequence[Trace]) -> tuple[str, ...]:
    """What is said of runs whose gradients overflowed often, all seeds of a run together."""
    runs: dict[str, list[Trace]] = {}
    for trace in traces:
        runs.setdefault(trace.name, []).append(trace)
    told = []
    for name, group in runs.items():
        scalings = [trace.scaling for trace in group if trace.scaling is not None]
        skipped, updates = sum(scaling.skipped for scaling in scalings), sum(trace.updates for trace in group)
        if skipped > MANY_SKIPPED * updates:
            scale = min(scaling.scale for scaling in scalings)
            told.append(f"{skipped} of {updates} in {name}, whose loss scale ends at {scale:g}")
    return (f"updates skipped because a gradient overflowed in fp16: {'; '.join(told)}",) if told else ()


def _explain_fallbacks(traces: Sequence[Trace]) -> tuple[str, ...]:
    slow: dict[str, Any] = {}
    for trace in traces:
        if trace.how.startswith("one by one"):
            slow.setdefault(trace.how, []).append(trace.name)
    return tuple(f"trained {how} ({_list_few(list(dict.fromkeys(names)))})" for how, names in slow.items())


def _list_few(names: Sequence[str]) -> str:
    more = len(names) - FEW
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:FEW])} and {more} more"
