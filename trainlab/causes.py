"""Cause before symptom: which finding follows from which, in what order they are told, and how many there are.

What may follow from what is declared by each rule, in its `causes`; here it is applied to what was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trainlab.report import Finding, Severity

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
FAIL_ON = ("never", "warning", "error")
"""From which severity on a finding counts against a run."""
FAMILIES = "DMGLCPF"  # of causes that nothing else sets apart: faults of data and model come before their effects on the fit
REACH = 0.5  # of the seeds that have a consequence, the share that must have its cause


def name_causes(seeds: Sequence[Sequence[Finding]], causes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """For each code found in one run, the code that it follows from.

    Within a seed that is the nearest of its declared causes that was found there too; where one was not found, what that one may
    follow from. Something worth knowing (`info`) is no cause of a fault. Over the seeds it is the commonest, if at least half
    of those that have the consequence have it as the cause.

    Args:
        seeds: the findings of each seed.
        causes: declared causes by code, likeliest first; without circles.

    Returns:
        The cause by code; a code that follows from nothing is absent.
    """
    traced: dict[str, list[str | None]] = {}
    for findings in seeds:
        worst: dict[str, int] = {}
        for each in findings:
            rank = SEVERITIES.index(each.severity)
            worst[each.code] = min(rank, worst.get(each.code, rank))
        for code in worst:
            traced.setdefault(code, []).append(_find_nearest(code, worst, causes))
    named = {}
    for code, found in traced.items():
        cause, count = Counter(found).most_common(1)[0]
        if cause is not None and count >= REACH * len(found):
            named[code] = cause
    return named


def _find_nearest(code: str, worst: Mapping[str, int], causes: Mapping[str, Sequence[str]]) -> str | None:
    ahead, seen = list(causes.get(code, ())), {code}
    info = SEVERITIES.index("info")
    while ahead:
        cause = ahead.pop(0)
        if cause in worst and (worst[cause] < info or worst[code] == info):
            return cause
        if cause not in seen:
            seen.add(cause)
            ahead += causes.get(cause, ())
    return None


def rank(findings: Sequence[Finding], runs: Sequence[str]) -> list[Finding]:
    """Findings as they are told: what follows from another stands below it, and the likeliest cause of the worst comes first.

    A cause is as bad as the worst that follows from it. Among equals the base comes before the other runs, what held in more seeds
    before what held in fewer, what explains more before what explains less.

    Args:
        findings: of all runs.
        runs: their names, in order.
    """
    places = {name: place for place, name in enumerate(runs)}

    def weigh(tree: Sequence[Finding]) -> tuple[object, ...]:
        top = tree[0]
        share = top.seeds["held"] / top.seeds["of"]
        return (_find_worst(tree), places[top.run], -share, -len(tree), FAMILIES.find(top.code[0]), top.code, top.where)

    told: dict[int, Finding] = {}  # of several findings of one rule, each heads the same consequences: they are told once
    for tree in sorted(_grow_trees(findings), key=weigh):
        told |= {id(each): each for each in tree if id(each) not in told}
    return list(told.values())


def _grow_trees(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Each finding that follows from none of the others, with all that follows from it; of a circle, each one by itself."""
    below: dict[tuple[str, str], list[Finding]] = {}
    tops = []
    present = {(each.run, each.code) for each in findings}
    for each in findings:
        if each.because not in (None, each.code) and (each.run, each.because) in present:
            below.setdefault((each.run, each.because or ""), []).append(each)
        else:
            tops.append(each)
    trees = [_grow(top, below) for top in tops]
    grown = {id(each) for tree in trees for each in tree}
    return trees + [[each] for each in findings if id(each) not in grown]


def _grow(top: Finding, below: Mapping[tuple[str, str], Sequence[Finding]]) -> list[Finding]:
    followers = sorted(
        below.get((top.run, top.code), ()), key=lambda each: (SEVERITIES.index(each.severity), each.code, each.where)
    )
    return [top, *(found for each in followers for found in _grow(each, below))]


def _find_worst(findings: Sequence[Finding]) -> int:
    return min(SEVERITIES.index(each.severity) for each in findings)


def keep(findings: Sequence[Finding]) -> list[Finding]:
    """The same, without causes that are not among them."""
    present = {(each.run, each.code) for each in findings}
    return [each if (each.run, each.because) in present else replace(each, because=None) for each in findings]


def count(findings: Sequence[Finding]) -> dict[Severity, int]:
    """Faults that are not known, by severity: a finding with all that follows from it is one, as bad as the worst of them."""
    trees = _grow_trees([each for each in findings if not each.known])
    counted = Counter(SEVERITIES[_find_worst(tree)] for tree in trees)
    return {severity: counted[severity] for severity in SEVERITIES}
