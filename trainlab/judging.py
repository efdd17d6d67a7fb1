"""Rules on traces: which apply, with which thresholds, and in how many seeds each verdict held."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from trainlab import plugins
from trainlab.errors import Problem, UserError, find_nearest
from trainlab.report import Finding, Severity, Skipped, Trace
from trainlab.rules._rule import Rule

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


def list_rules() -> dict[str, type[Any]]:
    """Every rule's class by its code, sorted by code."""
    found = {}
    for name, module in plugins.load_all("trainlab.rules").items():
        rule = getattr(module, "".join(part.capitalize() for part in name.split("-")))
        found[rule.code] = rule
    return dict(sorted(found.items()))


def choose_rules(
    names: Sequence[str], thresholds: Mapping[str, Any], *, select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[list[Rule], list[Skipped]]:
    """The rules to judge by, with the config's thresholds.

    Args:
        names: what the study asks for.
        thresholds: the config's `rules` section.
        select: prefixes of codes; if there are any, only these rules judge.
        ignore: prefixes of codes that do not judge.

    Returns:
        rules: in order of code.
        ignored: those that the config's `ignore` list silences, with the reason it gives.

    Raises:
        UserError: an unknown code, an unknown threshold, or a threshold that is no number.
    """
    known = list_rules()
    problems = [
        Problem(
            message="no rule's code begins with this",
            key=option,
            value=prefix,
            choices=tuple(known),
            nearest=find_nearest(prefix, known),
        )
        for option, prefixes in (("--select", select), ("--ignore", ignore))
        for prefix in prefixes
        if not any(code.startswith(prefix) for code in known)
    ]
    silenced, more = _read_ignored(thresholds.get("ignore", []), known)
    problems += more
    rules: list[Rule] = []
    for code, rule in known.items():
        problems += _check_thresholds(code, rule, thresholds.get(code, {}))
    for code in thresholds:
        if code != "ignore" and code not in known:
            problems.append(
                Problem(
                    message="there is no such rule", key=f"rules.{code}", choices=tuple(known), nearest=find_nearest(code, known)
                )
            )
    if problems:
        raise UserError(problems)
    for code, rule in known.items():
        wanted = any(code.startswith(prefix) for prefix in select) if select else rule.name in names
        if wanted and not any(code.startswith(prefix) for prefix in ignore) and code not in silenced:
            rules.append(rule(**thresholds.get(code, {})))
    return rules, [Skipped(code=code, reason=f"ignored by the config: {reason}") for code, reason in silenced.items()]


def _read_ignored(entries: Any, known: Mapping[str, Any]) -> tuple[dict[str, str], list[Problem]]:
    if not isinstance(entries, list):
        return {}, [Problem(message="must be a list of `{code: ..., reason: ...}`", key="rules.ignore")]
    silenced: dict[str, str] = {}
    problems = []
    for index, entry in enumerate(entries):
        key = f"rules.ignore.{index}"
        if (
            not isinstance(entry, dict)
            or set(entry) != {"code", "reason"}
            or not isinstance(entry["reason"], str)
            or not entry["reason"]
        ):
            problems.append(Problem(message="must be `{code: ..., reason: ...}`; a reason is required", key=key))
        elif entry["code"] not in known:
            code = str(entry["code"])
            problems.append(
                Problem(
                    message="there is no such rule", key=key, value=code, choices=tuple(known), nearest=find_nearest(code, known)
                )
            )
        else:
            silenced[entry["code"]] = entry["reason"]
    return silenced, problems


def _check_thresholds(code: str, rule: type[Any], given: Any) -> list[Problem]:
    names = [field.name for field in dataclasses.fields(rule)]
    if not isinstance(given, Mapping):
        return [Problem(message="must map thresholds to numbers", key=f"rules.{code}", choices=tuple(names))]
    problems = []
    for name, value in given.items():
        key = f"rules.{code}.{name}"
        if name not in names:
            problems.append(
                Problem(
                    message=f"{code} has no such threshold", key=key, choices=tuple(names), nearest=find_nearest(str(name), names)
                )
            )
        elif isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) == float("inf"):
            problems.append(Problem(message="must be a number", key=key, value=repr(value)))
    return problems


def judge(rules: Sequence[Rule], traces: Sequence[Trace]) -> tuple[list[Finding], list[Skipped], int]:
    """Every rule on every trace; the verdicts of runs that differ in the seed only are one.

    Returns:
        findings: worst first, then by run and code, each with the number of seeds it held in.
        skipped: what could not be judged, once for each rule, run and reason.
        judged: how many (rule, run) pairs were judged, whatever the verdict.
    """
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    judged = 0
    arms: dict[str, list[Trace]] = {}
    for trace in traces:
        arms.setdefault(trace.name, []).append(trace)
    for name, arm in arms.items():
        for rule in rules:
            verdicts = [list(rule.judge(trace)) for trace in arm]
            found = [[each for each in verdict if isinstance(each, Finding)] for verdict in verdicts]
            passed = [[each for each in verdict if isinstance(each, Skipped)] for verdict in verdicts]
            findings += _merge(found, name, len(arm))
            reasons = Counter(each.reason for verdict in passed for each in verdict)
            if any(not skip for skip in passed):
                judged += 1
            elif reasons:
                skipped.append(Skipped(code=rule.code, run=name, reason=reasons.most_common(1)[0][0]))
    order = list(arms)
    findings.sort(key=lambda each: (SEVERITIES.index(each.severity), order.index(each.run), each.code))
    return findings, skipped, judged


def _merge(found: Sequence[Sequence[Finding]], run: str, seeds: int) -> list[Finding]:
    """One finding for all seeds: the worst severity, the words of the first seed that has it."""
    held = [list(each) for each in found if each]
    if not held:
        return []
    if seeds == 1:
        return [dataclasses.replace(each, run=run) for each in held[0]]
    worst = min((each for verdict in held for each in verdict), key=lambda each: SEVERITIES.index(each.severity))
    return [dataclasses.replace(worst, run=run, seeds={"held": len(held), "of": seeds})]
