"""The report as lines of fields between tabs, for `grep`, `cut` and `awk`: the first field says what a line is about.

`answer`, `finding`, `comparison`, `skipped` or `note`; the rows of a table begin with its name. Before the first line of a kind
stands one that names its fields and begins with `#`. Numbers are whole: what was measured, not what reads well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from trainlab.renderers._glyphs import to_printable
from trainlab.renderers._numbers import to_plain
from trainlab.renderers._target import Target
from trainlab.report import Report


def render(report: Report, target: Target) -> str:
    """The report, each line ended by a newline."""
    return "".join(f"{line}\n" for line in _list_lines(report, unicode=target.unicode))


def _list_lines(report: Report, *, unicode: bool) -> Iterator[str]:
    blocks: list[tuple[str, Sequence[str], Sequence[Sequence[Any]]]] = [
        ("answer", ("text", "complete"), [(report.answer.text, report.complete)]),
        (
            "finding",
            ("code", "name", "severity", "run", "where", "held", "of", "because", "known", "message"),
            [
                (
                    *(each.code, each.name, each.severity, each.run, each.where, each.seeds["held"], each.seeds["of"]),
                    *(each.because, each.known, each.message),
                )
                for each in report.findings
            ],
        ),
        *((table.name, [column.name for column in table.columns], table.rows) for table in report.tables),
        (
            "comparison",
            ("run", "against", "metric", "difference", "low", "high", "verdict"),
            [(each.run, each.against, each.metric, each.difference, *each.corrected, each.verdict) for each in report.comparisons],
        ),
        ("skipped", ("code", "run", "reason"), [(each.code, each.run, each.reason) for each in report.skipped]),
        ("note", ("text",), [(note,) for note in report.notes]),
    ]
    for name, columns, rows in blocks:
        if rows:
            yield _join([f"#{name}", *columns], unicode=unicode)
        for row in rows:
            yield _join([name, *row], unicode=unicode)


def _join(fields: Sequence[Any], *, unicode: bool) -> str:
    return "\t".join(to_printable(_write(to_plain(field)), unicode=unicode) for field in fields)


def _write(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else json.dumps(value)
