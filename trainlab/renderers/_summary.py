"""The last line of a report in words: how much was found."""

from __future__ import annotations

from trainlab import causes
from trainlab.renderers._numbers import count
from trainlab.report import Report

NOTHING_JUDGED = 4  # the exit code; no findings must not look like no faults


def summarize(report: Report) -> str:
    """`1 error, 0 warnings, 2 known, 3 rules not judged`."""
    if report.exit_code == NOTHING_JUDGED:
        return "nothing could be judged"
    counted = causes.count(report.findings)
    known = sum(finding.known for finding in report.findings)
    silent = len({item.code for item in report.skipped if item.code != "run"})
    parts = [count(counted["error"], "error"), count(counted["warning"], "warning")]
    if declined := report.answer.values.get("worse_metrics"):
        parts.insert(0, f"{count(len(declined), 'metric')} worse")
    return ", ".join(parts + [f"{known} known"] * bool(known) + [f"{count(silent, 'rule')} not judged"] * bool(silent))
