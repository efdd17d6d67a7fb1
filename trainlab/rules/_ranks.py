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


def list_models(traces: Sequence[Trace]) -> list[dict[int, Trace]]:
    """Each model that at least two ranks trained, by rank: the same parameters, of the same shapes.

    Shards of a model have other shapes, or stand for other weights on each rank (`sharded`): they are not compared.
    """
    models: dict[tuple[object, ...], dict[int, Trace]] = {}
    for rank, own in list_ranks(traces).items():
        for trace in own:
            if trace.updates and trace.parameters and not read_metric(trace, "sharded") > 0:
                models.setdefault(trace.parameters, {}).setdefault(rank, trace)
    return [model for model in models.values() if len(model) > 1]


def judge_models(
    code: str, traces: Sequence[Trace], judge: Callable[[dict[int, Trace]], Iterator[Finding | Skipped]]
) -> Iterator[Finding | Skipped]:
    """What `judge` says of each model that at least two ranks trained; where there is none, that `code` has nothing to judge."""
    models = list_models(traces)
    if not models:
        reason = "no two ranks trained the same parameters" if list_ranks(traces) else ALONE
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
