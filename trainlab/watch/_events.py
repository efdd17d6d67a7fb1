"""What is seen, as it is seen: one JSON object a line, while the script runs; see `events_schema.json`."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from trainlab import __version__, causes
from trainlab.watch._record import join

if TYPE_CHECKING:
    from trainlab.report import Finding, Report
    from trainlab.watch import Options, Script
    from trainlab.watch._record import Record

SCHEMA = "trainlab.events/1"


class Events:
    """Writes lines as long as somebody takes them: a file that is full or a reader that has gone never fails the script."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._broken = False
        self._began = time.perf_counter()
        self._waiting: dict[int, int] = {}  # by record: the row of an update that not all of its optimizers have made
        self._told: set[tuple[str, str, str]] = set()

    def start(self, script: Script, options: Options) -> None:
        """The first line."""
        self._tell(
            "start",
            schema=SCHEMA,
            trainlab=__version__,
            script=str(script.file) if script.file is not None else f"-m {script.module}",
            arguments=list(script.arguments),
            every=options.every,
            max_overhead=options.max_overhead,
        )

    def step(self, record: Record) -> None:
        """An update that was looked at closely, once: where several optimizers make it, when the last of them has stepped."""
        row, waiting = len(record.at) - 1, self._waiting.pop(id(record), None)
        if waiting is not None and waiting < row:
            self._tell_step(record, waiting)  # one of them left it out
        if len(record.stepped) < len(record.places):
            self._waiting[id(record)] = row
        elif row >= 0:
            self._tell_step(record, row)

    def find(self, findings: Iterable[Finding], update: int) -> None:
        """Each finding when it is first made."""
        for each in findings:
            self._tell_finding(each.run, each, update)

    def end(self, report: Report) -> None:
        """What was found only at the end, then the last line: which findings stand."""
        updates = int(report.answer.values["updates"])
        # A report calls the only model `base`; while the script runs nobody knows that it will stay the only one
        models = {run.name: str(run.config.get("model") or run.name) for run in report.runs if not run.name.startswith("rank ")}
        standing = [(models.get(each.run, each.run), each) for each in report.findings]
        for model, each in standing:
            self._tell_finding(model, each, updates)
        counted = causes.count(report.findings)
        self._tell(
            "end",
            complete=report.complete,
            updates=updates,
            answer=report.answer.text,
            findings=[{"model": model, "code": each.code, "where": each.where} for model, each in standing],
            errors=counted["error"],
            warnings=counted["warning"],
            exit_code=report.exit_code,
        )

    def _tell_step(self, record: Record, row: int) -> None:
        update = record.at[row]
        changes = record.changes[row] if row < len(record.changes) else []
        ratios = [change / weight for change, weight in zip(changes, record.weights[row], strict=False) if weight > 0]
        self._tell(
            "step",
            model=record.name,
            update=update,
            loss=record.losses[update - 1],
            rate=record.rates[update - 1],
            gradient_norm=join(record.norms[row]),
            weight_norm=join(record.weights[row]),
            update_ratio=statistics.median(ratios) if ratios else None,
        )

    def _tell_finding(self, model: str, finding: Finding, update: int) -> None:
        key = (model, finding.code, finding.where)
        if key in self._told:
            return
        self._told.add(key)
        kept = ("code", "name", "severity", "where", "message", "evidence", "because")
        self._tell("finding", model=model, update=update, **{name: getattr(finding, name) for name in kept})

    def _tell(self, event: str, **fields: Any) -> None:
        if self._broken:
            return
        line = {"event": event, "seconds": round(time.perf_counter() - self._began, 3), **fields}
        try:
            self._write(json.dumps(_clean(line), allow_nan=False) + "\n")
        except (OSError, ValueError):
            self._broken = True


def _clean(value: Any) -> Any:
    """With null for a number that is not finite."""
    if isinstance(value, Mapping):
        return {str(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
