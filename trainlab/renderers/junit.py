"""The report as JUnit XML, which build servers read: a suite for each run, a test case for each rule.

What counts for the exit code fails; without `--fail-on`, errors do. What could not be judged is skipped. Of the runs beside
the base only those rules are listed that had something to say.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from trainlab.causes import SEVERITIES
from trainlab.renderers._findings import join_seeds
from trainlab.renderers._glyphs import to_printable
from trainlab.renderers._target import Target
from trainlab.report import Finding, Report, Skipped

COUNTED = ("tests", "failures", "skipped", "errors")


def render(report: Report, target: Target) -> str:  # noqa: ARG001  # a document in a file, whoever reads it
    """The whole document."""
    root = Element("testsuites", name=f"trainlab {report.command}", time=f"{math.fsum(report.seconds.values()):.3f}")
    failing = SEVERITIES[: 1 + SEVERITIES.index("error" if report.fail_on == "never" else report.fail_on)]
    totals: Counter[str] = Counter()
    told = [each.run for each in report.findings] + [each.run for each in report.skipped]
    for run in dict.fromkeys(["base", *told]):
        suite = SubElement(root, "testsuite", name=to_printable(run, unicode=True))
        counts: Counter[str] = Counter()
        for code in _list_codes(report, run):
            found = [each for each in report.findings if (each.run, each.code) == (run, code)]
            passed = next((each for each in report.skipped if (each.run, each.code) == (run, code)), None)
            name = found[0].name if found else report.rules.get(code, "")
            case = SubElement(suite, "testcase", classname=f"{report.command}.{suite.get('name')}", name=f"{code} {name}".rstrip())
            counts["tests"] += 1
            if ended := _say_end(case, found, passed, failing):
                counts[ended] += 1
        if run == "base":
            declined = report.answer.values.get("worse_metrics", ())
            for metric in declined:
                case = SubElement(suite, "testcase", classname=f"{report.command}.metrics", name=to_printable(metric, unicode=True))
                SubElement(case, "failure", type="worse", message=to_printable(report.answer.text, unicode=True))
            counts.update(tests=len(declined), failures=len(declined))
        for word in COUNTED:
            suite.set(word, str(counts[word]))
        totals += counts
        if run == "base":
            SubElement(suite, "system-out").text = to_printable(report.answer.text, unicode=True)
    for word in COUNTED:
        root.set(word, str(totals[word]))
    indent(root)
    return f"{tostring(root, encoding='unicode')}\n"


def _list_codes(report: Report, run: str) -> list[str]:
    told = {each.code for each in report.findings if each.run == run} | {each.code for each in report.skipped if each.run == run}
    return sorted(told | {*(report.rules if run == "base" else ())})


def _say_end(case: Element, found: Sequence[Finding], passed: Skipped | None, failing: Sequence[str]) -> str:
    """Write how one case ended; gives the count it belongs to, nothing for well."""
    if counted := [each for each in found if each.severity in failing and not each.known]:
        failure = SubElement(case, "failure", type=counted[0].severity, message=to_printable(counted[0].message, unicode=True))
        failure.text = "\n".join(map(_say, counted))
        return "failures"
    if found:
        SubElement(case, "system-out").text = "\n".join(map(_say, found))
    elif passed is not None:
        SubElement(case, "skipped", message=to_printable(passed.reason, unicode=True))
        return "skipped"
    return ""


def _say(finding: Finding) -> str:
    facts = ", ".join(filter(None, (finding.where, join_seeds(finding), "known" if finding.known else "")))
    return to_printable(f"{finding.severity}{f' ({facts})' if facts else ''}: {finding.message}", unicode=True)
