"""The findings as GitHub Actions workflow commands, which show as annotations of the job.

A step may show ten errors and ten warnings; what is beyond vanishes without a word, so the worst come first and the last counts
the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

from trainlab.renderers._findings import group_findings, join_seeds
from trainlab.renderers._glyphs import to_printable
from trainlab.renderers._numbers import count
from trainlab.renderers._target import Target
from trainlab.report import Finding, Report

LIMIT = 10  # annotations of one level that a step may show
LEVELS: Mapping[str, str] = {"error": "error", "warning": "warning", "info": "notice"}


def render(report: Report, target: Target) -> str:
    """One command a line; what is known already is none. The answer comes last, as a notice."""
    written = dict.fromkeys(LEVELS.values(), 0)
    written["notice"] = 1  # the answer
    lines, left = [], 0
    if declined := report.answer.values.get("worse_metrics"):
        written["error"] += 1
        lines.append(_write("error", f"{count(len(declined), 'metric')} worse", ", ".join(declined), unicode=target.unicode))
    for finding in _order(report):
        level = LEVELS[finding.severity]
        if written[level] < LIMIT:
            written[level] += 1
            lines.append(_write(level, f"{finding.code} {finding.name}", _say(finding), unicode=target.unicode))
        else:
            left += 1
    more = f" ({count(left, 'more finding')} in the full report)" if left else ""
    lines.append(_write("notice", f"trainlab {report.command}", report.answer.text + more, unicode=target.unicode))
    return "".join(f"{line}\n" for line in lines)


def _order(report: Report) -> list[Finding]:
    """The worst first; among equals as they are told."""
    told = [finding for group in group_findings(report.findings) for finding in group.findings if not finding.known]
    return sorted(told, key=lambda finding: list(LEVELS).index(finding.severity))


def _say(finding: Finding) -> str:
    place = ", ".join(filter(None, (finding.run if finding.run != "base" else "", finding.where, join_seeds(finding))))
    cause = f" Because of {finding.because}." if finding.because else ""
    return f"{f'{place}: ' if place else ''}{finding.message}.{cause}"


def _write(level: str, title: str, message: str, *, unicode: bool) -> str:
    title, message = (to_printable(text, unicode=unicode).replace("%", "%25") for text in (title, message))
    return f"::{level} title={title.replace(':', '%3A').replace(',', '%2C')}::{message}"
