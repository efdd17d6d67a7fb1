"""What changed between two saved reports, and whether it is for the worse."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trainlab.causes import SEVERITIES
from trainlab.report import Answer, Column, Finding, Number, Report, Table

JUDGED = re.compile(r"(train|validation|test)_(loss|accuracy|r2)")
NOTHING_COMPARED = 4
BASE = "base"
Document = Mapping[str, Any]
"""A JSON report, as it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of one run, its mean over the seeds, before and after.

    Attributes:
        limit: by how much it may be worse.
        interval: 95 % interval of the difference of the means (Welch, 1947); None unless both sides have several seeds.
    """

    run: str
    metric: str
    old: float
    new: float
    limit: float
    interval: tuple[float, float] | None

    @property
    def difference(self) -> float:
        """New minus old."""
        return self.new - self.old

    @property
    def verdict(self) -> str:
        """`worse` or `better` beyond the limit and beyond what seeds differ by, else `same`."""
        if abs(self.difference) <= self.limit or (self.interval is not None and self.interval[0] <= 0 <= self.interval[1]):
            return "same"
        return "worse" if (self.difference > 0) == self.metric.endswith("_loss") else "better"


def compare_reports(old: Document, new: Document, tolerance: float) -> Report:
    """A report on what differs.

    Args:
        old: what was.
        new: what is.
        tolerance: share of a metric's old size by which it may be worse.

    Returns:
        A report whose findings are those that are new, or worse than they were; its exit code is 1 where anything is worse, 4 where
        the two have no run in common.
    """
    before, after = _read_findings(old), _read_findings(new)
    worse = {key: after[key] for key in after if key not in before or _rank(after[key]) < _rank(before[key])}
    worse = {key: each for key, each in worse.items() if each.severity != "info"}
    changes = list(_list_changes(old, new, tolerance))
    declined = [each for each in changes if each.verdict == "worse"]
    common = [name for name in _group(new) if name in _group(old)]
    broken = bool(worse or declined)
    return Report(
        command="diff",
        complete=True,
        environment=new["environment"],
        answer=_answer(list(worse.values()), declined, changes, common),
        tables=tuple(
            table
            for table in (
                _tabulate_metrics(changes),
                _tabulate_findings(before, after),
                _tabulate_settings(old, new, common),
                _tabulate_runs(old, new),
            )
            if table.rows
        ),
        findings=tuple(worse.values()),
        exit_code=int(broken) if common else NOTHING_COMPARED,
    )


def judge_against(report: Report, old: Document, tolerance: float) -> Report:
    """The same report, with what the base was worth in an earlier one beside it.

    Args:
        report: what is.
        old: what was.
        tolerance: as in `compare_reports`.

    Returns:
        A report whose answer and table say what is worse, and whose exit code is 1 for it, unless nothing is to fail it.
    """
    runs = [{"name": BASE, "metrics": _keep_finite(run.metrics)} for run in report.runs if run.name == BASE]
    changes = list(_list_changes(old, {"runs": runs}, tolerance))
    if all(each.verdict == "same" for each in changes):
        return report
    answer, table = report.answer, replace(_tabulate_metrics(changes), name="baseline", title="the base next to the baseline")
    if declined := [each for each in changes if each.verdict == "worse"]:
        more = f", and {len(declined) - 2} more" if len(declined) > 2 else ""
        text = f"{answer.text} Worse than the baseline: {'; '.join(map(_say, declined[:2]))}{more}."
        answer = Answer(text=text, values={**answer.values, "worse_metrics": [f"{each.run}: {each.metric}" for each in declined]})
    failed = declined and report.fail_on != "never" and report.exit_code == 0
    return replace(report, answer=answer, tables=(*report.tables, table), exit_code=1 if failed else report.exit_code)


def _keep_finite(metrics: Mapping[str, Number]) -> dict[str, Number]:
    """As JSON has them."""
    return {name: value if value is not None and math.isfinite(value) else None for name, value in metrics.items()}


def _read_findings(document: Document) -> dict[tuple[str, str, str], Finding]:
    names = ("code", "name", "severity", "message", "where", "evidence", "run", "seeds", "because")
    found = [Finding(**{name: each[name] for name in names}) for each in document["findings"]]
    return {(each.code, each.run, each.where): each for each in found}


def _rank(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)


def _group(document: Document) -> dict[str, list[Mapping[str, Any]]]:
    """The runs by name, one a seed."""
    runs: dict[str, list[Mapping[str, Any]]] = {}
    for run in document["runs"]:
        runs.setdefault(run["name"], []).append(run)
    return runs


def _list_changes(old: Document, new: Document, tolerance: float) -> Iterator[Change]:
    before = _group(old)
    for name, runs in _group(new).items():
        metrics = dict.fromkeys(metric for run in runs for metric in run["metrics"] if JUDGED.fullmatch(metric))
        for metric in metrics:
            sides = [[each["metrics"].get(metric) for each in group] for group in (before.get(name, []), runs)]
            if all(side and None not in side for side in sides):
                first, second = (sum(side) / len(side) for side in sides)
                interval = _find_interval(*sides)
                yield Change(run=name, metric=metric, old=first, new=second, limit=tolerance * abs(first), interval=interval)


def _find_interval(old: Sequence[float], new: Sequence[float]) -> tuple[float, float] | None:
    if min(len(old), len(new)) < 2 or max(len(set(old)), len(set(new))) == 1:
        return None
    from scipy import stats  # half a second that one run a side need not wait for

    low, high = stats.ttest_ind(new, old, equal_var=False).confidence_interval()
    return float(low), float(high)


def _answer(worse: Sequence[Finding], declined: Sequence[Change], changes: Sequence[Change], common: Sequence[str]) -> Answer:
    gained = [each for each in changes if each.verdict == "better"]
    values = {
        "worse_metrics": [f"{each.run}: {each.metric}" for each in declined],
        "better_metrics": [f"{each.run}: {each.metric}" for each in gained],
        "new_findings": [each.code for each in worse],
    }
    if not common:
        return Answer(text="Nothing could be compared: the two reports have no run in common.", values=values)
    parts = [f"{each.code} {each.name}{f' in {each.run}' if each.run != 'base' else ''} is new or worse" for each in worse[:2]]
    parts += [_say(each) for each in declined[:2]]
    left = len(worse) + len(declined) - len(parts)
    if parts:
        more = f", and {left} more" if left else ""
        return Answer(text=f"Worse: {'; '.join(parts)}{more}.", values=values)
    better = f" Better: {'; '.join(map(_say, gained[:2]))}." if gained else ""
    runs = f"{len(common)} run{'s' * (len(common) != 1)}"
    return Answer(text=f"Nothing is worse in {runs} and {len(changes)} metrics.{better}", values=values)


def _say(change: Change) -> str:
    run = f" of {change.run}" if change.run != "base" else ""
    moved = f"{change.old:.4g} -> {change.new:.4g} ({change.difference:+.3g}, limit {change.limit:.3g})"
    return f"{change.metric.replace('_', ' ')}{run} {moved}"


def _tabulate_metrics(changes: Sequence[Change]) -> Table:
    return Table(
        name="metrics",
        title="metrics, means over the seeds",
        columns=(
            Column(name="run"),
            Column(name="metric"),
            Column(name="old", kind="number"),
            Column(name="new", kind="number"),
            Column(name="change", kind="number"),
            Column(name="limit", kind="number", priority=1),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(
            (each.run, each.metric.replace("_", " "), each.old, each.new, each.difference, each.limit, each.verdict)
            for each in changes
        ),
    )


def _tabulate_findings(before: Mapping[Any, Finding], after: Mapping[Any, Finding]) -> Table:
    """What was found on one side only, or as something worse or milder."""
    rows = []
    for key in dict.fromkeys([*after, *before]):
        old, new = before.get(key), after.get(key)
        either = new or old
        if either is None or (old and new and old.severity == new.severity):
            continue
        verdict = "gone" if new is None else "new" if old is None else "worse" if _rank(new) < _rank(old) else "milder"
        told = (old.severity if old else None, new.severity if new else None)
        rows.append((either.code, either.name, either.run, either.where, *told, verdict))
    columns = ("code", "name", "run", "where", "old", "new", "verdict")
    return Table(name="findings", title="findings that differ", columns=tuple(map(_name, columns)), rows=tuple(rows))


def _tabulate_settings(old: Document, new: Document, common: Sequence[str]) -> Table:
    """Config keys and versions that differ."""
    before, after = _group(old), _group(new)
    sides = [(name, _flatten(before[name][0]["config"]), _flatten(after[name][0]["config"])) for name in common]
    sides.append(("environment", dict(old["environment"]), dict(new["environment"])))
    rows = tuple(
        (name, key, _show(first.get(key)), _show(second.get(key)))
        for name, first, second in sides
        for key in dict.fromkeys([*first, *second])
        if first.get(key) != second.get(key)
    )
    columns = ("run", "key", "old", "new")
    return Table(name="settings", title="settings that differ", columns=tuple(map(_name, columns)), rows=rows)


def _tabulate_runs(old: Document, new: Document) -> Table:
    before, after = _group(old), _group(new)
    rows = [(name, "only in the old report") for name in before if name not in after]
    rows += [(name, "only in the new report") for name in after if name not in before]
    return Table(
        name="runs", title="runs without a counterpart", columns=(Column(name="run"), Column(name="stands")), rows=tuple(rows)
    )


def _name(name: str) -> Column:
    return Column(name=name, kind="verdict" if name == "verdict" else "text", priority=1 if name == "where" else 0)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _show(value: Any) -> str:
    return "-" if value is None else str(value)
