"""Rules on traces: which apply, with which thresholds, and in how many seeds each verdict held."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Any

from trainlab import causes, plugins
from trainlab.causes import SEVERITIES
from trainlab.errors import Problem, UserError, find_nearest
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._rule import Rule, StudyRule

NOTHING_JUDGED = 4  # the exit code


def list_rules(names: Sequence[str] | None = None) -> dict[str, type[Any]]:
    """The class of every rule, or of those named, by its code, sorted by code."""
    found = {}
    modules = (
        plugins.load_all("trainlab.rules") if names is None else {name: plugins.load("trainlab.rules", name) for name in names}
    )
    for module in modules.values():
        rule = plugins.find_class(module)
        found[rule.code] = rule
    return dict(sorted(found.items()))


def choose_rules(
    names: Sequence[str], thresholds: Mapping[str, Any], *, select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[list[Rule], frozenset[str], list[Skipped]]:
    """The rules to judge by, with the config's thresholds.

    Args:
        names: what the study asks for.
        thresholds: the config's `rules` section.
        select: prefixes of codes, also several between commas; if there are any, only these rules are reported.
        ignore: prefixes of codes that are not reported, likewise.

    Returns:
        rules: in order of code: those that the study builds its answer on, and those selected beside them.
        reported: codes of those whose verdicts go into the report and count.
        ignored: those that the config's `ignore` list silences, with the reason it gives.

    Raises:
        UserError: an unknown code, an unknown threshold, or a threshold that is no number.
    """
    select, ignore = ([code for text in texts for code in text.split(",")] for texts in (select, ignore))
    # To import them all takes longer than a short study: they are asked for only where a code is to be looked up.
    known = list_rules(None if select or ignore or thresholds else names)
    problems = [
        _explain_code("no rule's code begins with this", option, prefix, known)
        for option, prefixes in (("--select", select), ("--ignore", ignore))
        for prefix in prefixes
        if not any(code.startswith(prefix) for code in known)
    ]
    silenced, more = _read_ignored(thresholds.get("ignore", []), known)
    problems += more
    for code, rule in known.items():
        problems += _check_thresholds(code, rule, thresholds.get(code, {}))
    problems += [
        _explain_code("there is no such rule", f"rules.{code}", code, known)
        for code in thresholds
        if code != "ignore" and code not in known
    ]
    if problems:
        raise UserError(problems)
    asked = {code for code, rule in known.items() if rule.name in names}
    wanted = {code for code in known if any(map(code.startswith, select))} if select else asked
    reported = frozenset(code for code in wanted if not any(map(code.startswith, ignore)) and code not in silenced)
    rules = [rule(**thresholds.get(code, {})) for code, rule in known.items() if code in asked | reported]
    ignored = [Skipped(code=code, reason=f"ignored by the config: {silenced[code]}") for code in silenced if code in wanted]
    return rules, reported, ignored


def _explain_code(message: str, key: str, code: str, known: Mapping[str, Any]) -> Problem:
    """A code that is none; its nearest spelling is a code also where a rule's name was given."""
    names = {rule.name: code for code, rule in known.items()}
    nearest = find_nearest(code.upper(), known) or names.get(find_nearest(code, names) or "")
    return Problem(message=message, key=key, value=code, choices=tuple(known), nearest=nearest)


def _read_ignored(entries: Any, known: Mapping[str, Any]) -> tuple[dict[str, str], list[Problem]]:
    if not isinstance(entries, list):
        return {}, [Problem(message="must be a list of `{code: ..., reason: ...}`", key="rules.ignore")]
    silenced: dict[str, str] = {}
    problems = []
    for index, entry in enumerate(entries):
        key = f"rules.ignore.{index}"
        fields = entry if isinstance(entry, dict) else {}
        reason = fields.get("reason")
        if set(fields) != {"code", "reason"} or not isinstance(reason, str) or not reason.strip():
            problems.append(Problem(message="must be `{code: ..., reason: ...}`; a reason is required", key=key))
        elif fields["code"] not in known:
            problems.append(_explain_code("there is no such rule", key, str(fields["code"]), known))
        else:
            silenced[fields["code"]] = reason
    return silenced, problems


def _check_thresholds(code: str, rule: type[Any], given: Any) -> list[Problem]:
    names = [field.name for field in dataclasses.fields(rule)]
    if not isinstance(given, Mapping):
        return [Problem(message="must map thresholds to numbers", key=f"rules.{code}", choices=tuple(names))]
    problems = []
    for name, value in given.items():
        key = f"rules.{code}.{name}"
        if name not in names:
            nearest = find_nearest(str(name), names)
            problems.append(Problem(message=f"{code} has no such threshold", key=key, choices=tuple(names), nearest=nearest))
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            problems.append(Problem(message="must be a number", key=key, value=repr(value)))
    return problems


def judge(rules: Sequence[Rule], traces: Sequence[Trace], reported: Container[str]) -> tuple[list[Finding], list[Skipped], int]:
    """Every rule on every trace; the verdicts of runs that differ in the seed only are one.

    Args:
        rules: those that judge.
        traces: of all runs; runs of one name are one arm.
        reported: codes of the rules that count as having judged.

    Returns:
        findings: causes before what follows from them, the worst first; each with the number of seeds it held in.
        skipped: what could not be judged, once for each rule, run and reason.
        judged: how many (rule, run) pairs were judged, whatever the verdict.
    """
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    judged = 0
    arms: dict[str, list[Trace]] = {}
    for trace in traces:
        arms.setdefault(trace.name, []).append(trace)
    declared = {rule.code: rule.causes for rule in rules}
    for name, arm in arms.items():
        seeds: list[list[Finding]] = [[] for _ in arm]
        merged: list[Finding] = []
        for rule in rules:
            if isinstance(rule, StudyRule):
                continue
            verdicts = [list(rule.judge(trace)) for trace in arm]
            found = [[each for each in verdict if isinstance(each, Finding)] for verdict in verdicts]
            passed = [[each for each in verdict if isinstance(each, Skipped)] for verdict in verdicts]
            merged += _merge(found, name)
            if rule.code in reported:
                for told, more in zip(seeds, found, strict=True):
                    told.extend(more)
            if any(not skip for skip in passed):
                judged += rule.code in reported
            else:
                reasons = Counter(each.reason for verdict in passed for each in verdict)
                skipped.append(Skipped(code=rule.code, run=name, reason=reasons.most_common(1)[0][0]))
        because = causes.name_causes(seeds, declared)
        findings += [dataclasses.replace(each, because=because.get(each.code, each.because)) for each in merged]
    for rule in rules:
        if isinstance(rule, StudyRule):
            verdict = list(rule.judge_study(traces))
            findings += [each for each in verdict if isinstance(each, Finding)]
            skipped += [each for each in verdict if isinstance(each, Skipped)]
            judged += rule.code in reported and (not verdict or any(isinstance(each, Finding) for each in verdict))
    return causes.rank(findings, list(arms)), skipped, judged


def choose_exit_code(findings: Sequence[Finding], judged: int, fail_on: str) -> int:
    """0: nothing at or above `fail_on`; 1: something; 4: nothing could be judged, which must not look clean."""
    if not judged:
        return NOTHING_JUDGED
    if fail_on == "never":
        return 0
    counted = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return int(any(each.severity in counted and not each.known for each in findings))


def _merge(found: Sequence[Sequence[Finding]], run: str) -> list[Finding]:
    """The findings of one rule in each seed as findings of the run: the worst severity, the words of the first seed that has it.

    A rule that found at most one thing in each seed found the same thing, even if in another place; otherwise places tell which
    findings are the same.
    """
    several = any(len(verdict) > 1 for verdict in found)
    groups: dict[str, list[list[Finding]]] = {}
    for verdict in found:
        here: dict[str, list[Finding]] = {}
        for each in verdict:
            here.setdefault(each.where if several else "", []).append(each)
        for where, same in here.items():
            groups.setdefault(where, []).append(same)
    merged = []
    for held in groups.values():
        seeds = {"held": len(held), "of": len(found)}
        if len(found) == 1:
            merged += [dataclasses.replace(each, run=run, seeds=seeds) for each in held[0]]
        else:
            worst = min((each for same in held for each in same), key=lambda each: SEVERITIES.index(each.severity))
            merged.append(dataclasses.replace(worst, run=run, seeds=seeds))
    return merged
