"""The processes that train one model together, next to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import read_metric

ALONE = "one process has no other ranks to be compared with"


def list_ranks(traces: Sequence[Trace]) -> dict[int, list[Trace]]:
    """The traces of each rank, one for each model that it trained; nothing where there is one process."""
    found: dict[int, list[Trace]] = {}
    for trace in traces:
        rank = read_metric(trace, "rank")
        if np.isfinite(rank):
            found.setdefault(int(rank), []).append(trace)
    return found if len(found) > 1 else {}


def list_models(traces: Sequence[Trace], *, parts: bool = False) -> list[dict[int, Trace]]:
    """Each model that at least two ranks trained, by rank: the same parameters, of the same shapes.

    Args:
        traces: of all ranks.
        parts: also those of which each rank holds a part (`sharded`): it stands for other weights, and may have another shape.
    """
    models: dict[tuple[object, ...], dict[int, Trace]] = {}
    for rank, own in list_ranks(traces).items():
        for trace in own:
            is_part = read_metric(trace, "sharded") > 0
            if trace.updates and trace.parameters and (parts or not is_part):
                key = tuple(each.name for each in trace.parameters) if is_part else trace.parameters
                models.setdefault(key, {}).setdefault(rank, trace)
    return [model for model in models.values() if len(model) > 1]


def judge_models(
    code: str, traces: Sequence[Trace], judge: Callable[[dict[int, Trace]], Iterator[Finding | Skipped]], *, parts: bool = False
) -> Iterator[Finding | Skipped]:
    """What `judge` says of each model that at least two ranks trained; where there is none, that `code` has nothing to judge."""
    models = list_models(traces, parts=parts)
    if not models:
        reason = "no two ranks trained the same parameters" if list_ranks(traces) else ALONE
        if list_models(traces, parts=True):
            reason = "each rank holds a part of the model, and these are meant to differ"
        yield Skipped(code=code, reason=reason)
    for model in models:
        yield from judge(model)


def align(model: dict[int, Trace], name: str) -> tuple[np.ndarray, np.ndarray]:
    """The updates that every rank has looked at, and a series there.

    Returns:
        at: `[T]`.
        values: `[rank, T, ...]`, in the order of `model`.
    """
    series = [trace.series[name] for trace in model.values()]
    at = series[0].at
    for each in series[1:]:
        at = np.intersect1d(at, each.at)
    return at, np.stack([each.values[np.isin(each.at, at)] for each in series])
