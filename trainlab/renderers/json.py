"""The report as strict JSON: the same keys in the same order, no NaN literal; see `report_schema.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from trainlab import __version__, causes
from trainlab.renderers._target import Target
from trainlab.renderers._thin import thin
from trainlab.report import Comparison, Finding, Report, Run, Series, Suggestion, Table

SCHEMA = "trainlab.report/1"
DEEP = 4  # document, tables, table, rows: what stands below is a piece


def render(report: Report, target: Target) -> str:
    """The whole document, with a newline at its end.

    A number that is not finite is null; in a series, `nonfinite` says what stood there.
    """
    return "".join(stream(report, target))


def stream(report: Report, target: Target) -> Iterator[str]:
    """The same document in pieces, one of them a run or a row: the text of thousands of runs is never held at once."""
    yield from _stream(_arrange(report), "", DEEP, full=target.full_series)
    yield "\n"


def _stream(value: Any, indent: str, depth: int, *, full: bool) -> Iterator[str]:
    """As `_write` of the whole, what stands so deep in a piece of its own."""
    inner = indent + " "
    if isinstance(value, Run):
        yield _write(_clean(_convert_run(value, full=full)), indent)
    elif depth and isinstance(value, Mapping) and value:
        for place, (key, item) in enumerate(value.items()):
            yield f"{',' if place else '{'}\n{inner}{json.dumps(str(key))}: "
            yield from _stream(item, inner, depth - 1, full=full)
        yield f"\n{indent}}}"
    elif depth and isinstance(value, list | tuple) and any(isinstance(item, list | tuple | Mapping | Run) for item in value):
        for place, item in enumerate(value):
            yield f"{',' if place else '['}\n{inner}"
            yield from _stream(item, inner, depth - 1, full=full)
        yield f"\n{indent}]"
    else:
        yield _write(_clean(value), indent)


def _arrange(report: Report) -> dict[str, Any]:
    """The document, its runs as they are."""
    counted = causes.count(report.findings)
    return {
        "schema": SCHEMA,
        "trainlab": __version__,
        "command": report.command,
        "complete": report.complete,
        "environment": report.environment,
        "answer": {"text": report.answer.text, "values": report.answer.values},
        "runs": report.runs,
        "tables": [_convert_table(table) for table in report.tables if not table.is_timed],
        "comparisons": [_convert_comparison(comparison) for comparison in report.comparisons],
        "findings": [_convert_finding(finding) for finding in report.findings],
        "skipped": [{"code": skipped.code, "run": skipped.run, "reason": skipped.reason} for skipped in report.skipped],
        "notes": report.notes,
        "rules": report.rules,
        "summary": {
            "errors": counted["error"],
            "warnings": counted["warning"],
            "fail_on": report.fail_on,
            "exit_code": report.exit_code,
        },
        "timing": {
            "total_s": math.fsum(report.seconds.values()),
            **report.seconds,
            **({"tables": timed} if (timed := [_convert_table(table) for table in report.tables if table.is_timed]) else {}),
        },
    }


def _convert_run(run: Run, *, full: bool) -> dict[str, Any]:
    return {
        "name": run.name,
        "patch": run.patch,
        "seed": run.seed,
        "how": run.how,
        "config": run.config,
        "metrics": run.metrics,
        "layers": run.layers,
        "modules": run.modules,
        "series": {name: _convert_series(series if full else thin(series)) for name, series in run.series.items()},
    }


def _convert_series(series: Series) -> dict[str, Any]:
    import numpy as np  # whoever has a series has loaded it already

    named = {} if np.isfinite(series.values).all() else _name_nonfinite(series.values.tolist())
    return {"per": series.per, "at": series.at, "values": series.values, "nonfinite": named}


def _name_nonfinite(values: list[Any]) -> dict[str, str]:
    """What stands at each position of `values` that is not finite; in a row of several, the position is `row,column`."""
    named: dict[str, str] = {}
    for position, value in enumerate(values):
        if isinstance(value, list):
            named |= {f"{position},{column}": word for column, word in _name_nonfinite(value).items()}
        elif not math.isfinite(value):
            named[str(position)] = str(float(value))
    return named


def _convert_table(table: Table) -> dict[str, Any]:
    return {"name": table.name, "columns": [column.name for column in table.columns], "rows": table.rows}


def _convert_comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "run": comparison.run,
        "against": comparison.against,
        "metric": comparison.metric,
        "difference": comparison.difference,
        "interval": comparison.interval,
        "corrected": comparison.corrected,
        "verdict": comparison.verdict,
    }


def _convert_finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity,
        "run": finding.run,
        "where": finding.where,
        "message": finding.message,
        "evidence": finding.evidence,
        "seeds": finding.seeds,
        "because": finding.because,
        "known": finding.known,
        "suggestions": [_convert_suggestion(suggestion) for suggestion in finding.suggestions],
    }


def _convert_suggestion(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "remedy": suggestion.remedy,
        "patch": suggestion.patch,
        "reason": suggestion.reason,
        "measured": suggestion.measured,
    }


def _clean(value: Any) -> Any:
    """Plain JSON values: numpy becomes Python, what is not finite becomes null, what JSON has no word for becomes text."""
    if hasattr(value, "tolist"):
        if getattr(value, "ndim", 0) and value.dtype.kind in "iu":
            return value.tolist()
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return str(value)


def _write(value: Any, indent: str) -> str:
    """As `json.dumps(value, indent=1)`, but a list of plain values stands on one line: a series is one line, a row too."""
    inner = indent + " "
    if isinstance(value, dict) and value:
        lines = [f"{inner}{json.dumps(key)}: {_write(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
        lines = [f"{inner}{_write(item, inner)}" for item in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return _ENCODE(value)


_ENCODE = json.JSONEncoder(allow_nan=False).encode
