"""The report for people: the answer, what is wrong, the tables behind it; in a terminal, a pipe or a file."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.box import Box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from trainlab import causes
from trainlab.renderers import _columns
from trainlab.renderers._comparisons import tabulate_comparisons
from trainlab.renderers._findings import Group, describe_trial, group_findings, group_suggestions, join_seeds
from trainlab.renderers._glyphs import ASCII, UNICODE, Glyphs, to_printable
from trainlab.renderers._numbers import format_options, format_value
from trainlab.renderers._summary import NOTHING_JUDGED, summarize
from trainlab.renderers._target import Target
from trainlab.report import Column, Finding, Report, Run, Severity, Skipped, Table

# Of the 256 fixed colours, those that stand out from a white and from a black ground alike (a test measures it), and from each
# other to a colour-blind eye. Nothing is told by colour alone.
STYLES: dict[str, str] = {
    "error": "bold color(160)",
    "warning": "bold color(166)",
    "info": "bold color(32)",
    "bad": "color(167)",
    "good": "color(29)",
    "neutral": "",
    "quiet": "color(243)",
    "drawing": "color(67)",
}
FEW = 4  # findings of one kind listed on a terminal
INDENT = 2


def render(report: Report, target: Target) -> str:
    """The report as text, each line ended by a newline."""
    page = _Page(target)
    page.write(Text(page.clean(report.answer.text), style="bold"))
    if not report.complete:
        page.write(Text("Stopped before all was measured: what follows is what there is.", style=STYLES["warning"]))
    _write_findings(page, report)
    places = {finding.where for finding in report.findings if finding.where}
    for table in report.tables:
        _write_table(page, table, places)
    for table in tabulate_comparisons(report, plain=target.width is None or target.verbose):
        _write_table(page, table, ())
    _write_suggestions(page, report.findings)
    _write_skipped(page, report.skipped)
    _write_notes(page, report.notes)
    if target.verbose:
        _write_runs(page, report.runs)
        _write_environment(page, report)
    page.skip()
    page.write(_summarize(page, report))
    return page.read()


class _Page:
    """Lines of text for one target: the only place that knows how wide they may be."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.glyphs: Glyphs = UNICODE if target.unicode else ASCII
        # Without a terminal nothing wraps, so the console must never be the narrower one.
        self._console = Console(
            file=io.StringIO(),
            width=target.width or 1_000_000,
            force_terminal=target.color,
            color_system="256" if target.color else None,
            no_color=not target.color,
            legacy_windows=False,
            markup=False,
            emoji=False,
            highlight=False,
            _environ={},
        )

    def clean(self, text: str) -> str:
        """`text` as one line that this target can take."""
        return to_printable(text, unicode=self.target.unicode)

    def skip(self) -> None:
        """An empty line."""
        self._console.print()

    def write(self, text: Text, *, indent: int = 0, hang: int = 0) -> None:
        """A paragraph; `hang` more spaces stand before every line but its first."""
        width = self.target.width
        lines = [text] if width is None else text.wrap(self._console, max(width - indent - hang, 20))
        for position, line in enumerate(lines):
            line.rstrip()
            self._console.print(Text(" " * (indent + (hang if position else 0))) + line, soft_wrap=True)

    def write_title(self, title: str) -> None:
        """A heading, with an empty line before it."""
        self.skip()
        self.write(Text(self.clean(title), style="bold"))

    def write_grid(self, grid: Grid) -> None:
        """A table laid out by `_columns`."""
        self._console.print(Padding(grid, (0, 0, 0, INDENT), expand=False), soft_wrap=self.target.width is None)

    def read(self) -> str:
        """All that was written, without blanks at the ends of lines."""
        text = self._console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO given above
        return "".join(f"{line.rstrip()}\n" for line in text.split("\n")[:-1])


def _write_findings(page: _Page, report: Report) -> None:
    several = len({run.name for run in report.runs} | {finding.run for finding in report.findings}) > 1
    groups = group_findings(report.findings)
    if groups:
        page.skip()
    for group in groups:
        _write_group(page, group, several=several)


def _write_group(page: _Page, group: Group, *, several: bool) -> None:
    indent = INDENT * group.depth
    first = group.findings[0]
    severity: Severity = first.severity
    symbol = {"error": page.glyphs.error, "warning": page.glyphs.warning, "info": page.glyphs.info}[severity]
    head = Text()
    if group.depth:
        head.append(page.glyphs.branch, style=STYLES["quiet"])
    head.append(f"{symbol} {severity}", style=STYLES[severity])
    head.append(f" {first.code} ")
    head.append(page.clean(first.name), style="bold")
    alone = len(group.findings) == 1
    if alone and first.where:
        head.append(f"  {page.clean(first.where)}")
    # The base is what a report is about: only another run is named, unless several are listed.
    facts = [
        f"run {first.run}" if alone and several and first.run != "base" else "",
        join_seeds(first) if alone else f"{len(group.findings)} times",
    ]
    for fact in filter(None, facts):
        head.append(f"  {page.clean(fact)}", style=STYLES["quiet"])
    if first.because and not group.depth:  # the branch says it otherwise
        head.append(f"  because of {first.because}", style=STYLES["quiet"])
    if first.known:
        head.append("  known", style=STYLES["quiet"])
    page.write(head, indent=indent, hang=4)
    body = indent + INDENT * (2 if group.depth else 1)
    if alone:
        page.write(Text(page.clean(first.message)), indent=body)
        return
    cut = page.target.width is not None and not page.target.verbose and len(group.findings) > FEW + 1
    for finding in group.findings[: FEW if cut else None]:
        line = Text()
        if label := ", ".join(filter(None, [finding.run if several else "", finding.where])):
            line.append(page.clean(f"{label}: "), style=STYLES["quiet"])
        line.append(page.clean(finding.message))
        if seeds := join_seeds(finding):
            line.append(f"  {seeds}", style=STYLES["quiet"])
        page.write(line, indent=body, hang=INDENT)
    if cut:
        page.write(Text(f"and {len(group.findings) - FEW} more (--verbose)", style=STYLES["quiet"]), indent=body)


def _write_table(page: _Page, table: Table, places: Sequence[str] | set[str]) -> None:
    page.write_title(table.title or table.name)
    if not table.rows:
        page.write(Text("no rows", style=STYLES["quiet"]), indent=INDENT)
        return
    whole = page.target.width is None or page.target.verbose
    shown = list(range(len(table.rows))) if whole else _columns.choose_rows(table, places)
    laid = _columns.lay_out(table, page.glyphs, unicode=page.target.unicode)
    widths = _columns.fit(laid, None if page.target.width is None else page.target.width - INDENT)
    kept = [(column, width) for column, width in zip(laid, widths, strict=True) if width is not None]
    page.write_grid(_make_grid(page, kept, shown))
    if len(shown) < len(table.rows):
        page.write(
            Text(f"{len(shown)} of {len(table.rows)} rows; --verbose shows all", style=STYLES["quiet"]),
            indent=INDENT,
        )
    if dropped := [column.column.name for column, width in zip(laid, widths, strict=True) if width is None]:
        names = page.clean(", ".join(dropped))
        note = f"no room for: {names} (a wider terminal or --format json shows them)"
        page.write(Text(note, style=STYLES["quiet"]), indent=INDENT)


def _make_grid(page: _Page, columns: Sequence[tuple[_columns.Laid, int]], shown: Sequence[int]) -> Grid:
    rule = page.glyphs.rule
    box = Box(f"    \n    \n {rule}{rule} \n    \n    \n    \n    \n    \n")  # nothing but a line under the headings
    grid = Grid(box=box, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), border_style=STYLES["quiet"])
    for laid, width in columns:
        grid.add_column(
            Text(page.clean(laid.column.name)),
            justify="right" if laid.is_right else "left",
            width=width,
            overflow="fold",
            header_style=STYLES["quiet"],
        )
    cells = [_columns.redraw(laid, width, page.glyphs) for laid, width in columns]
    before = -1
    for row in shown:
        if row > before + 1:
            grid.add_row(Text(page.glyphs.gap, style=STYLES["quiet"]))
        grid.add_row(*(Text(column[row], style=_choose_style(laid, row)) for (laid, _), column in zip(columns, cells, strict=True)))
        before = row
    return grid


def _choose_style(laid: _columns.Laid, row: int) -> str:
    if laid.column.kind == "verdict":
        return STYLES[_columns.judge_word(laid.cells[row])]
    return STYLES["drawing"] if laid.is_drawing else ""


def _write_suggestions(page: _Page, findings: Sequence[Finding]) -> None:
    suggestions = group_suggestions(findings)
    if suggestions:
        page.write_title("Suggestions")
    for suggestion, codes in suggestions:
        line = Text()
        line.append(page.clean(format_options(suggestion.patch) or suggestion.remedy), style="bold")
        line.append(page.clean(f"  {suggestion.remedy}, for {', '.join(codes)}"), style=STYLES["quiet"])
        page.write(line, indent=INDENT, hang=INDENT)
        page.write(Text(page.clean(suggestion.reason)), indent=2 * INDENT)
        page.write(Text(page.clean(describe_trial(suggestion.measured)), style=STYLES["quiet"]), indent=2 * INDENT)


def _write_skipped(page: _Page, skipped: Sequence[Skipped]) -> None:
    """What could not be run, each by itself; then what could not be judged, those with the same reason together."""
    absent = [item for item in skipped if item.code == "run"]
    if absent:
        page.write_title("Not run")
    for item in absent:
        page.write(Text(page.clean(f"{item.run}: {item.reason}")), indent=INDENT, hang=INDENT)
    reasons: dict[str, list[Skipped]] = {}
    for item in skipped:
        if item.code != "run":
            reasons.setdefault(item.reason, []).append(item)
    if reasons:
        page.write_title("Not judged")
    for reason, items in reasons.items():
        line = Text(" ".join(dict.fromkeys(item.code for item in items)))
        runs = dict.fromkeys(item.run for item in items)
        where = "" if "base" in runs else f" (in {', '.join(runs)})"
        line.append(f"  {page.clean(reason + where)}", style=STYLES["quiet"])
        page.write(line, indent=INDENT, hang=INDENT)


def _write_notes(page: _Page, notes: Sequence[str]) -> None:
    if notes:
        page.skip()
    for note in notes:
        line = Text("note: ", style="bold")
        page.write(line + Text(page.clean(note), style="not bold"), hang=INDENT)


def _write_runs(page: _Page, runs: Sequence[Run]) -> None:
    """The metrics of every run: a line a metric, a column a run, as many columns as there is room for, then the rest below."""
    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    if not names:
        return
    columns = [Column(name=f"{run.name} seed {run.seed}", kind="number") for run in runs]
    start = 0
    while start < len(runs):
        end = start + 1
        while end < len(runs) and _has_room(page, _tabulate_metrics(names, columns[start : end + 1], runs[start : end + 1])):
            end += 1
        _write_table(page, _tabulate_metrics(names, columns[start:end], runs[start:end]), ())
        start = end


def _tabulate_metrics(names: Sequence[str], columns: Sequence[Column], runs: Sequence[Run]) -> Table:
    return Table(
        name="metrics",
        title="Metrics",
        columns=(Column(name="metric"), *columns),
        rows=tuple((name, *(run.metrics.get(name) for run in runs)) for name in names),
    )


def _has_room(page: _Page, table: Table) -> bool:
    if page.target.width is None:
        return True
    laid = _columns.lay_out(table, page.glyphs, unicode=page.target.unicode)
    return sum(column.least for column in laid) + _columns.GAP * (len(laid) - 1) + INDENT <= page.target.width


def _write_environment(page: _Page, report: Report) -> None:
    ways: dict[str, dict[str, None]] = {}
    for run in report.runs:
        ways.setdefault(run.how, {})[run.name] = None
    facts = {
        **report.environment,
        **{f"{phase} seconds": seconds for phase, seconds in report.seconds.items()},
        **{f"trained {way}": "all runs" if len(ways) == 1 else ", ".join(names) for way, names in ways.items()},
    }
    if facts:
        page.write_title("Environment")
    for name, value in facts.items():
        line = Text(page.clean(f"{name}: "), style=STYLES["quiet"])
        page.write(line + Text(page.clean(format_value(value)), style="default"), indent=INDENT, hang=INDENT)


def _summarize(page: _Page, report: Report) -> Text:
    """One line: how much was found, and what to type next."""
    if report.exit_code == NOTHING_JUDGED:
        return Text(summarize(report), style=STYLES["warning"])
    counted = causes.count(report.findings)
    failed = counted["error"] or report.answer.values.get("worse_metrics")
    worst = "error" if failed else "warning" if counted["warning"] else "good" if report.complete else "neutral"
    line = Text(summarize(report), style=STYLES[worst])
    if report.findings:
        code = group_findings(report.findings)[0].findings[0].code
        line.append(f" {page.glyphs.dot} trainlab explain {code}", style="not bold default")
    return line
