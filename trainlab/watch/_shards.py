"""Models whose weights are shared out among the ranks, as FSDP does: what each rank measures of its own part, put together.

Nothing is sent while the script runs: a sum over ranks in the middle of a step would wait for a rank that does not take part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trainlab.report import Series, Trace
from trainlab.watch._seen import Seen

MEASURED = ("gradient-norm", "weight-norm", "change-norm")
OF_PARTS = (*MEASURED, "update-ratio", "total-norm")


def unite(seen: Sequence[Seen | None]) -> list[Seen | None]:
    """The same, each sharded model with the norms of the whole.

    The square of a norm is the sum over the parts. Where a part is missing, what was measured of the others is left out: the norm
    of a part is none of the layer, and an empty part has no gradient at all.
    """
    shared: dict[tuple[int | str, ...], list[Trace | None]] = {}
    for rank, each in enumerate(seen):
        for place, trace in enumerate(each.traces if each is not None else ()):
            if trace.metrics.get("sharded"):
                shared.setdefault(_name(place, trace), [None] * len(seen))[rank] = trace
    if not shared:
        return list(seen)
    whole = {key: _unite(traces) for key, traces in shared.items()}
    return [
        each
        and replace(each, traces=tuple(_replace(trace, whole.get(_name(place, trace))) for place, trace in enumerate(each.traces)))
        for each in seen
    ]


def hide(trace: Trace) -> Trace:
    """Without what is known of a part of the model only."""
    return replace(trace, series={name: each for name, each in trace.series.items() if name not in OF_PARTS})


def _name(place: int, trace: Trace) -> tuple[int | str, ...]:
    """Which model it is; the shapes may be those of the parts."""
    return place, *(each.name for each in trace.parameters)


def _replace(trace: Trace, whole: dict[str, Series] | None) -> Trace:
    if not trace.metrics.get("sharded"):
        return trace
    hidden = hide(trace)
    return hidden if not whole else replace(hidden, series={**hidden.series, **whole})


def _unite(parts: Sequence[Trace | None]) -> dict[str, Series]:
    """The series of the whole at the updates that all ranks have looked at; none where a part is missing."""
    traces = [each for each in parts if each is not None]
    if len(traces) < len(parts) or not all(name in each.series for each in traces for name in MEASURED):
        return {}
    found: dict[str, Series] = {}
    for name in MEASURED:
        series = [each.series[name] for each in traces]
        at = series[0].at
        for each in series[1:]:
            at = np.intersect1d(at, each.at)
        if not len(at):
            return {}
        rows = np.stack([each.values[np.isin(each.at, at)] for each in series])  # [rank, update, parameter]
        found[name] = Series(per="update", at=at, values=np.hypot.reduce(rows, axis=0))
    changes, weights, gradients = found.pop("change-norm"), found["weight-norm"], found["gradient-norm"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = changes.values / weights.values[np.isin(weights.at, changes.at)]
    found["update-ratio"] = Series(per="update", at=changes.at, values=ratios)
    found["total-norm"] = Series(per="update", at=gradients.at, values=np.hypot.reduce(gradients.values, axis=1))
    return found
