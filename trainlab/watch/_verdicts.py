"""What can be said of a run while it goes on: findings as they appear, and whether one of them dooms it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainlab.causes import SEVERITIES

if TYPE_CHECKING:
    from trainlab.report import Finding, Skipped
    from trainlab.rules._rule import Rule
    from trainlab.watch import Options
    from trainlab.watch._record import Record

START = 20  # updates before the first verdict; each later one at twice as many


class Verdicts:
    """Judges a record after 20, 40, 80, ... updates, and as soon as it has left the finite numbers."""

    def __init__(self, options: Options, chosen: tuple[Sequence[Rule], frozenset[str], Sequence[Skipped]]) -> None:
        self._counted = () if options.stop_on == "never" else SEVERITIES[: SEVERITIES.index(options.stop_on) + 1]
        self._known = {(code, where, severity) for code, _, where, severity in options.baseline}
        self._rules, self._reported, _ = chosen
        self._next: dict[int, int] = {}

    def judge(self, record: Record) -> list[Finding]:
        """What is found now; nothing where it is not time to look."""
        due = self._next.get(id(record), START)
        if record.steps < due and (record.nonfinite is None or due == record.steps + 1):
            return []
        self._next[id(record)] = max(2 * due, record.steps + 1) if record.nonfinite is None else record.steps + 1
        from trainlab.judging import judge
        from trainlab.watch._shards import hide
        from trainlab.watch._traces import make_trace

        trace = make_trace(record, name=record.name, idle=None)
        findings, _, _ = judge(self._rules, [hide(trace) if record.sharded else trace], self._reported)
        return [each for each in findings if each.code in self._reported]

    def is_doomed(self, findings: Sequence[Finding]) -> bool:
        """Whether one of them is of the severity that ends the script, and new."""
        new = [each for each in findings if (each.code, each.where, each.severity) not in self._known]
        return any(each.severity in self._counted for each in new)
