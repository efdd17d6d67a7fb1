"""Several ranks in one report: what they have in common once, what sets them apart in a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainlab.report import Column, Finding, Skipped, Table, Trace
from trainlab.watch._seen import Seen


def merge(
    findings: Sequence[Finding], skipped: Sequence[Skipped], traces: Sequence[Sequence[Trace]]
) -> tuple[list[Finding], list[Skipped]]:
    """Without what an earlier rank has said already, of the same model and at the same place."""
    told: dict[str, str] = {}  # by run: that of rank 0 which is about the same model
    for own in traces[1:]:
        for position, trace in enumerate(own):
            same = next((each for each in traces[0] if each.parameters == trace.parameters), None)
            told[trace.name] = same.name if same is not None else f"model {position}"
    met: set[tuple[str, ...]] = set()
    kept = []
    for finding in sorted(findings, key=lambda each: each.run in told):  # those of rank 0 first
        key = (finding.code, finding.where, told.get(finding.run, finding.run))
        if key not in met or finding.run not in told:
            kept.append(finding)
        met.add(key)
    reasons: set[tuple[str, ...]] = set()
    left = []
    for each in skipped:
        words = (each.code, each.reason, told.get(each.run, each.run))
        if words not in reasons:
            left.append(each)
        reasons.add(words)
    return [each for each in findings if each in kept], left


def tabulate_ranks(seen: Sequence[Seen | None]) -> tuple[Table, ...]:
    """What each rank did; nothing where there is one process."""
    if len(seen) == 1:
        return ()
    rows = [(str(rank), *([None] * 5 if each is None else _summarise(each)), _tell_end(each)) for rank, each in enumerate(seen)]
    return (
        Table(
            name="ranks",
            title="ranks",
            columns=(
                Column(name="rank"),
                Column(name="updates", kind="number"),
                Column(name="first loss", kind="number", priority=1),
                Column(name="last loss", kind="number"),
                Column(name="grad norm", kind="number"),
                Column(name="weight norm", kind="number"),
                Column(name="end"),
            ),
            rows=tuple(rows),
        ),
    )


def _summarise(seen: Seen) -> list[float | None]:
    """Of the model that made most updates: norms at the last update that was looked at."""
    trace = max(seen.traces, key=lambda each: each.updates)
    losses = trace.series["loss"].values if "loss" in trace.series else np.empty(0)
    norms = [trace.series[name].values for name in ("gradient-norm", "weight-norm") if name in trace.series]
    whole = [float(np.hypot.reduce(each[-1])) if len(each) else None for each in norms] or [None, None]
    return [trace.updates, *([float(losses[0]), float(losses[-1])] if len(losses) else [None, None]), *whole]


def _tell_end(seen: Seen | None) -> str:
    if seen is None:
        return "not heard of"
    return seen.why or seen.error.partition(":")[0] or "well"


def list_notes(seen: Sequence[Seen | None]) -> list[str]:
    """How the other ranks ended, where that was not well, and that some were not heard of."""
    silent = [str(rank) for rank, each in enumerate(seen) if each is None]
    told = [f"rank{'s' * (len(silent) > 1)} {', '.join(silent)} sent nothing: killed, or still at work"] if silent else []
    for rank, each in enumerate(seen[1:], 1):
        if each is not None and (each.why or each.error):
            told.append(f"rank {rank} ended by {each.why or each.error}")
        if each is not None and each.trouble:
            told.append(f"rank {rank}: watching was given up: {each.trouble}")
    return told
