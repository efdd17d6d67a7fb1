"""The report as one HTML file: no network, no script; it opens from disk, prints, and is light or dark as the reader likes it."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from trainlab import causes
from trainlab.config.write import format_sections
from trainlab.renderers._columns import choose_rows, fit, judge_word, lay_out
from trainlab.renderers._comparisons import tabulate_comparisons
from trainlab.renderers._findings import describe_trial, group_findings, group_suggestions, join_seeds
from trainlab.renderers._glyphs import UNICODE, to_printable
from trainlab.renderers._numbers import format_options, format_value
from trainlab.renderers._summary import NOTHING_JUDGED, summarize
from trainlab.renderers._target import Target
from trainlab.report import Column, Report, Table

PAPER = 100  # characters across a sheet


def render(report: Report, target: Target) -> str:
    """The whole document. Every string of the user's is escaped by the template."""
    pages = Environment(
        loader=PackageLoader("trainlab", "renderers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["plain"] = lambda text: to_printable(str(text), unicode=True)
    tables = [*report.tables, *tabulate_comparisons(report, plain=True)]
    return (
        pages.get_template("_page.html").render(
            report=report,
            state=_find_state(report),
            summary=summarize(report),
            groups=group_findings(report.findings),
            join_seeds=join_seeds,
            tables=[_lay_out(table, report) for table in tables],
            suggestions=[
                (format_options(each.patch), each, codes, describe_trial(each.measured))
                for each, codes in group_suggestions(report.findings)
            ],
            config=format_sections(report.runs[0].config) if report.runs else "",
            facts={name: format_value(value) for name, value in report.environment.items()},
            seconds={name.removesuffix("_s"): format_value(value) for name, value in report.seconds.items()},
            picture=target.picture,
            command_line=target.command_line,
        )
        + "\n"
    )


def _find_state(report: Report) -> str:
    """The colour of the first line."""
    if report.exit_code == NOTHING_JUDGED:
        return "warning"
    counted = causes.count(report.findings)
    if counted["error"] or report.answer.values.get("worse_metrics"):
        return "error"
    return "warning" if counted["warning"] or not report.complete else "good"


def _lay_out(table: Table, report: Report) -> dict[str, Any]:
    """A table as the template takes it: headings and rows of (text, classes), long ones with what is hidden marked.

    A column that a sheet of paper has no room for has the class `spare`.
    """
    laid = lay_out(table, UNICODE, unicode=True)
    spare = ["" if width is not None else " spare" for width in fit(laid, PAPER)]
    shown = set(choose_rows(table, {each.where for each in report.findings if each.where}))
    return {
        "title": table.title or table.name,
        "heads": [(each.column.name, _classify(each.column) + more) for each, more in zip(laid, spare, strict=True)],
        "rows": [
            [
                (each.cells[row], f"{_classify(each.column)} {_judge(each.column, each.cells[row])}".strip() + more)
                for each, more in zip(laid, spare, strict=True)
            ]
            for row in range(len(table.rows))
        ],
        "folded": len(shown) < len(table.rows),
    }


def _classify(column: Column) -> str:
    return {"number": "number", "percent": "number", "log-bar": "drawing", "curve": "drawing", "strip": "drawing"}.get(
        column.kind, "text"
    )


def _judge(column: Column, cell: str) -> str:
    return judge_word(cell) if column.kind == "verdict" else ""
