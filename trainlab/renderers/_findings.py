"""The order in which findings are told: worst first, what follows from another under it, the same from many runs together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainlab.renderers._numbers import count, format_number, format_percent
from trainlab.report import Finding, Suggestion

RANK = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Findings of one rule, one severity and one cause, and how deep under its cause they stand."""

    findings: tuple[Finding, ...]
    depth: int


def group_findings(findings: Sequence[Finding]) -> list[Group]:
    """All findings, grouped and in the order in which to tell them.

    A finding that follows from another stands after that one even if it is worse: who mends the cause mends both.
    """
    groups: dict[tuple[bool, int, str, str | None], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.known, RANK[finding.severity], finding.code, finding.because), []).append(finding)
    members = [tuple(sorted(group, key=lambda finding: finding.run != "base")) for group in groups.values()]
    codes = {group[0].code for group in members}
    tops = [group for group in members if group[0].because not in codes - {group[0].code}]
    placed: set[int] = set()
    trees = [list(_descend(top, members, 0, placed)) for top in tops]
    # Causes that go round in a circle have no top: each of them is told by itself.
    trees += [[Group(findings=group, depth=0)] for group in members if id(group) not in placed]
    trees.sort(key=lambda tree: min((group.findings[0].known, RANK[group.findings[0].severity]) for group in tree))
    return [group for tree in trees for group in tree]


def _descend(top: tuple[Finding, ...], members: Sequence[tuple[Finding, ...]], depth: int, placed: set[int]) -> Iterator[Group]:
    if id(top) in placed:
        return
    placed.add(id(top))
    yield Group(findings=top, depth=depth)
    followers = [group for group in members if group[0].because == top[0].code]
    for follower in sorted(followers, key=lambda group: (group[0].known, RANK[group[0].severity])):
        yield from _descend(follower, members, depth + 1, placed)


def join_seeds(finding: Finding) -> str:
    """`2 of 3 seeds`, or the empty string where there is only one."""
    total = finding.seeds.get("of", 1)
    return f"{finding.seeds.get('held', total)} of {total} seeds" if total > 1 else ""


def group_suggestions(findings: Sequence[Finding]) -> list[tuple[Suggestion, list[str]]]:
    """Every suggestion once, in the order of the findings, with the codes of those it is for."""
    grouped: dict[tuple[str, str], tuple[Suggestion, list[str]]] = {}
    for group in group_findings(findings):
        for finding in group.findings:
            for suggestion in finding.suggestions:
                _, codes = grouped.setdefault((suggestion.remedy, repr(suggestion.patch)), (suggestion, []))
                if finding.code not in codes:
                    codes.append(finding.code)
    return list(grouped.values())


def describe_trial(measured: Mapping[str, Any] | None) -> str:
    """What came of trying a suggestion, in a line: `tried: helps on 3 seeds, test accuracy 10.6 % to 98.1 %, ...`."""
    if measured is None:
        return "not tried"
    text = f"tried: {measured['verdict']} on {count(measured['seeds'], 'seed')}"
    if metric := measured.get("metric"):
        show = format_percent if metric.endswith("accuracy") else format_number
        text += f", {metric.replace('_', ' ')} {show(measured['control'])} to {show(measured['with'])}"
        if measured["interval"] is not None:
            what = "ratio" if "ratio" in measured else "difference"
            text += f" (95 % interval of the {what} {' to '.join(map(format_number, measured['interval']))})"
    if left := measured.get("left"):
        text += f"; still wrong: {', '.join(left)}"
    return text
