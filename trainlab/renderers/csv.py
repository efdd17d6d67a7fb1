"""Every number of the report as one long table for a spreadsheet or a data frame: a line for each number.

`kind` is `metric`, `layer`, `module`, `series` or `comparison`; `where` the parameter, the module, or the run that it is compared
with; `at` the epoch or update. A number that is not finite is written as `nan`, `inf` or `-inf`; where there is none, nothing is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from trainlab.renderers._numbers import to_plain
from trainlab.renderers._target import Target
from trainlab.renderers._thin import thin
from trainlab.report import Report, Run

FIELDS = ("run", "seed", "kind", "where", "quantity", "per", "at", "value")


def render(report: Report, target: Target) -> str:
    """The whole document, with a line of names before the first number."""
    return "".join(stream(report, target))


def stream(report: Report, target: Target) -> Iterator[str]:
    """The same in pieces, one a run: the text of thousands of runs is never held at once."""
    yield _write([FIELDS])
    for run in report.runs:
        yield _write(list(_list_numbers(run, full=target.full_series)))
    yield _write(
        [
            (each.run, "", "comparison", each.against, f"{each.metric} {name}", "", "", value)
            for each in report.comparisons
            for name, value in zip(("difference", "low", "high"), (each.difference, *each.corrected), strict=True)
        ]
    )


def _list_numbers(run: Run, *, full: bool) -> Iterator[tuple[Any, ...]]:
    for name, value in run.metrics.items():
        yield run.name, run.seed, "metric", "", name, "", "", to_plain(value)
    for kind, parts, texts in (("layer", run.layers, ("name", "module", "shape")), ("module", run.modules, ("name", "kind"))):
        for part in parts:
            for name, value in part.items():
                if name not in texts:
                    yield run.name, run.seed, kind, part["name"], name, "", "", to_plain(value)
    for name, whole in run.series.items():
        series = whole if full else thin(whole)
        places = [layer["name"] for layer in run.layers]
        for at, row in zip(series.at.tolist(), series.values.tolist(), strict=True):
            values = row if isinstance(row, list) else [row]
            wheres = places if len(values) == len(places) else map(str, range(len(values)))
            for where, value in zip(wheres if isinstance(row, list) else [""], values, strict=True):
                yield run.name, run.seed, "series", where, name, series.per, at, value


def _write(rows: list[tuple[Any, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
