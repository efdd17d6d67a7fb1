"""What one process saw of a script: what is judged, and what the ranks of a job send each other."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trainlab.config import Config
from trainlab.report import Trace
from trainlab.watch._record import Record
from trainlab.watch._traces import make_trace

if TYPE_CHECKING:
    from trainlab.watch import Ended

MOST = 200  # characters of an error's message


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one process saw.

    Attributes:
        traces: one for each model that was stepped.
        models: what a report tells of each: its class, and its optimizers with their settings.
        devices: where they lie.
        complete, why, error: how the script ended, see `Ended`; the error in one line, empty if there was none.
        trouble: why looking was given up; empty if it was not.
        looks: updates looked at closely.
        seconds: that the script took.
        spent: of these, on looking.
        torch: the version that the script imported; None if it did not.
    """

    traces: tuple[Trace, ...]
    models: tuple[Mapping[str, Any], ...]
    devices: tuple[str, ...]
    complete: bool
    why: str = ""
    error: str = ""
    trouble: str = ""
    looks: int = 0
    seconds: float = 0.0
    spent: float = 0.0
    torch: str | None = None


def look_back(ended: Ended, rank: int | None = None) -> Seen:
    """All that is kept of a script that has ended.

    Args:
        ended: what was observed.
        rank: of this process, where several train together.
    """
    observer = ended.observer
    records = [each for each in observer.records if each.steps]
    idle = [f"{each.kind} (made at {each.where})" for each in observer.register.list_idle()] if ended.complete else None
    traces = [
        make_trace(record, name=_name(records, record, rank), idle=idle if position == 0 or idle is None else ())
        for position, record in enumerate(records)
    ]
    if rank is not None:
        traces = [_mark(trace, rank, ended) for trace in traces]
        traces = traces or [_make_empty(rank, ended)]
    return Seen(
        traces=tuple(traces),
        models=tuple(map(_describe, records)) or ({},) * len(traces),
        devices=tuple(sorted({record.device for record in records})),
        complete=ended.complete,
        why=ended.why,
        error="" if ended.error is None else f"{type(ended.error).__name__}: {ended.error}".partition("\n")[0][:MOST],
        trouble=observer.guard.trouble,
        looks=sum(len(record.at) for record in records),
        seconds=ended.seconds,
        spent=observer.guard.spent,
        torch=str(sys.modules["torch"].__version__) if ended.torch else None,
    )


def _name(records: list[Record], record: Record, rank: int | None) -> str:
    """`base` where there is one model; the names of other ranks' runs say whose they are."""
    if rank:
        return f"rank {rank}" if len(records) == 1 else f"rank {rank}, {record.name}"
    return "base" if len(records) == 1 else record.name


def _mark(trace: Trace, rank: int, ended: Ended) -> Trace:
    """What tells how this process stands to the others."""
    return replace(trace, metrics={**trace.metrics, "rank": rank, "complete": int(ended.complete)})


def _make_empty(rank: int, ended: Ended) -> Trace:
    """Of a rank that trained nothing."""
    return Trace(
        name=f"rank {rank}" if rank else "base",
        patch={},
        config=Config(),
        seed=0,
        parameters=(),
        metrics={"rank": rank, "complete": int(ended.complete)},
        how="watched",
    )


def _describe(record: Record) -> Mapping[str, Any]:
    settings = [
        {
            name: value
            for name, value in each.items()
            if isinstance(value, str | int | bool) or (isinstance(value, float) and math.isfinite(value))
        }
        for each in record.optimizers.values()
    ]
    return {"model": record.name, "optimizers": settings}
