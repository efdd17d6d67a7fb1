"""The report as GitHub-flavoured Markdown, for the summary of a job or a comment: the answer first, long tables folded away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trainlab.renderers._columns import lay_out
from trainlab.renderers._comparisons import tabulate_comparisons
from trainlab.renderers._findings import Group, describe_trial, group_findings, group_suggestions, join_seeds
from trainlab.renderers._glyphs import UNICODE, to_printable
from trainlab.renderers._numbers import format_options
from trainlab.renderers._summary import summarize
from trainlab.renderers._target import Target
from trainlab.report import Report, Table

LONG = 20  # rows beyond which a table is folded away


def render(report: Report, target: Target) -> str:  # noqa: ARG001  # a job's summary has one width
    """The report, each line ended by a newline."""
    return "".join(f"{line}\n" for line in _list_lines(report))


def _list_lines(report: Report) -> Iterator[str]:
    yield f"## {_escape(report.answer.text)}"
    yield ""
    yield f"**{summarize(report)}**"
    if not report.complete:
        yield ""
        yield "**Stopped before all was measured: what follows is what there is.**"
    groups = group_findings(report.findings)
    if groups:
        yield ""
    for group in groups:
        yield from _list_findings(group)
    for table in (*report.tables, *tabulate_comparisons(report, plain=True)):
        yield from _list_table(table)
    yield from _list_suggestions(report)
    yield from _list_skipped(report)
    for note in report.notes:
        yield ""
        yield f"Note: {_escape(note)}"
    yield ""
    yield f"<sub>trainlab {_escape(report.command)}{_say_environment(report)}</sub>"


def _list_findings(group: Group) -> Iterator[str]:
    for finding in group.findings:
        facts = [f"run {finding.run}" if finding.run != "base" else "", finding.where, join_seeds(finding)]
        facts += [f"because of {finding.because}" if finding.because else "", "known" if finding.known else ""]
        told = ", ".join(map(_escape, filter(None, facts)))
        head = f"{'  ' * group.depth}- **{finding.severity} {finding.code}** {_escape(finding.name)}{f' ({told})' if told else ''}"
        yield f"{head}: {_escape(finding.message)}"


def _list_table(table: Table) -> Iterator[str]:
    laid = lay_out(table, UNICODE, unicode=True)
    title = _escape(table.title or table.name)
    yield ""
    if len(table.rows) > LONG:
        yield f"<details><summary>{title} ({len(table.rows)} rows)</summary>"
    else:
        yield f"### {title}"
    yield ""
    if not table.rows:
        yield "no rows"
        return
    yield _write_row([_escape(each.column.name) for each in laid])
    yield _write_row(["---:" if each.is_right else "---" for each in laid])
    for row in range(len(table.rows)):
        yield _write_row([_escape(each.cells[row]) for each in laid])
    if len(table.rows) > LONG:
        yield ""
        yield "</details>"


def _list_suggestions(report: Report) -> Iterator[str]:
    suggestions = group_suggestions(report.findings)
    if suggestions:
        yield ""
        yield "### Suggestions"
        yield ""
    for suggestion, codes in suggestions:
        options = format_options(suggestion.patch)
        what = f"{_quote(options)} ({_escape(suggestion.remedy)})" if options else f"**{_escape(suggestion.remedy)}**"
        yield f"- {what}, for {', '.join(codes)}: {_escape(suggestion.reason)}; {_escape(describe_trial(suggestion.measured))}"


def _list_skipped(report: Report) -> Iterator[str]:
    if report.skipped:
        yield ""
        yield f"<details><summary>Not judged, not run ({len(report.skipped)})</summary>"
        yield ""
        for each in report.skipped:
            yield f"- {each.code} ({_escape(each.run)}): {_escape(each.reason)}"
        yield ""
        yield "</details>"


def _say_environment(report: Report) -> str:
    return "".join(f", {_escape(str(name))} {_escape(str(value))}" for name, value in report.environment.items())


def _write_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """What Markdown or HTML would take for an order is shown as it is; `@name` tells nobody."""
    shown = re.sub(r"[\\`*_\[\]|~$]", r"\\\g<0>", to_printable(text, unicode=True))
    return re.sub(r"[&<>@]", lambda match: f"&#{ord(match[0])};", shown)


def _quote(text: str) -> str:
    """Code in a line: the fence is longer than any run of backticks in it."""
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence} {to_printable(text, unicode=True)} {fence}" if "`" in text else f"`{to_printable(text, unicode=True)}`"
