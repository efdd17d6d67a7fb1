"""What the zoo shows: which faults are detected and named first, what alarms on healthy networks, what repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.zoo.cases import Case, find_architecture, make_config
from tests.zoo.trial import Outcome
from trainlab.judging import list_rules

COSTS = {"score": 0.02, "loss": 0.05}
"""From what cost on a fault of degree counts: a drop of the test accuracy or R2; or a training loss higher than the twin's by this
share of the twin's own fall. Means over the seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One goal: what was reached, and whether it holds."""

    name: str
    value: float
    goal: str
    holds: bool
    of: int


def group(outcomes: Sequence[Outcome]) -> dict[Case, list[Outcome]]:
    """The seeds of each case."""
    cases: dict[Case, list[Outcome]] = {}
    for each in outcomes:
        cases.setdefault(each.case, []).append(each)
    return cases


def find_harm(case: Sequence[Outcome], twin: Sequence[Outcome]) -> str:
    """What a change costs next to the unchanged network; the empty string if nothing to speak of."""
    drop = _mean(twin, lambda each: each.score) - _mean(case, lambda each: each.score)
    fall = _mean(twin, lambda each: each.first_loss) - _mean(twin, lambda each: each.loss)
    rise = _mean(case, lambda each: each.loss) - _mean(twin, lambda each: each.loss)
    if drop >= COSTS["score"]:
        return f"score {drop:+.3g} lower"
    return f"loss {rise / fall:+.3g} of the fall" if rise >= COSTS["loss"] * fall else ""


def _mean(outcomes: Sequence[Outcome], read: Callable[[Outcome], float]) -> float:
    return float(np.mean([read(each) for each in outcomes]))


def count_faults(outcomes: Sequence[Outcome]) -> dict[Case, list[Outcome]]:
    """The faults that count: those of fact, and those of degree that cost something."""
    cases = group(outcomes)
    healthy = {case.network: members for case, members in cases.items() if case.kind == "healthy"}
    return {
        case: members
        for case, members in cases.items()
        if case.kind == "fault" and (case.is_fact or find_harm(members, healthy[case.network]))
    }


def is_detected(outcome: Outcome) -> bool:
    """One of the rules that must find it did."""
    return any(each.code in outcome.case.codes for each in outcome.findings)


def is_named_first(outcome: Outcome) -> bool:
    """The first finding of the report is the fault; of something only worth knowing, the first of its kind."""
    told = outcome.faults or list(outcome.findings)
    return is_detected(outcome) and told[0].code in (*outcome.case.codes, *outcome.case.also)


def alarms(outcome: Outcome) -> list[str]:
    """Codes of the faults told of a network that has none; of a near-miss all that is told, even as information only, of those
    that it must not be taken for."""
    if outcome.case.kind == "healthy":
        return [each.code for each in outcome.faults]
    return [each.code for each in outcome.findings if each.code in outcome.case.codes]


def measure_repeatability(outcomes: Sequence[Outcome]) -> float:
    """The share of runs whose verdict is that of most seeds of their case."""
    cases = group(outcomes)
    same = sum(Counter(each.verdict for each in members).most_common(1)[0][1] for members in cases.values())
    return same / max(1, len(outcomes))


def find_old(outcome: Outcome, outcomes: Sequence[Outcome]) -> Outcome:
    """The same run in the old units."""
    case = outcome.case
    return next(
        each
        for each in outcomes
        if (each.case.network, each.case.patch, each.seed) == (case.network, case.of, outcome.seed)
        and each.case.kind in ("healthy", "twin")
    )


def is_same(outcome: Outcome, old: Outcome) -> bool:
    """Whether other units leave the verdict as it was: what is named first, and what is found at all."""
    return outcome.verdict == old.verdict and {each.code for each in outcome.faults} == {each.code for each in old.faults}


def measure_invariance(outcomes: Sequence[Outcome]) -> tuple[float, int]:
    """The share of rescaled runs with the verdict of the same run in the old units, and how many there are."""
    rescaled = [each for each in outcomes if each.case.kind == "rescaled"]
    return _share(rescaled, lambda each: is_same(each, find_old(each, outcomes))), len(rescaled)


def measure(outcomes: Sequence[Outcome]) -> list[Bar]:
    """Every bar."""
    healthy = [each for each in outcomes if each.case.kind == "healthy"]
    misses = [each for each in outcomes if each.case.kind == "near-miss"]
    faults = [each for members in count_faults(outcomes).values() for each in members]
    errors = sum(any(found.severity == "error" for found in each.faults) for each in healthy)
    warned = _share(healthy, lambda each: bool(each.faults))
    detected, named = _share(faults, is_detected), _share(faults, is_named_first)
    repeated = measure_repeatability([*healthy, *misses, *faults])
    invariant, rescaled = measure_invariance(outcomes)
    alarmed = _share(misses, lambda each: bool(alarms(each)))
    return [
        Bar(name="healthy runs with an error", value=errors, goal="0", holds=errors == 0, of=len(healthy)),
        Bar(name="healthy runs with a warning", value=warned, goal="< 2 %", holds=warned < 0.02, of=len(healthy)),
        Bar(name="near-misses taken for the fault", value=alarmed, goal="< 2 %", holds=alarmed < 0.02, of=len(misses)),
        Bar(name="faults detected", value=detected, goal=">= 95 %", holds=detected >= 0.95, of=len(faults)),
        Bar(name="faults named first", value=named, goal=">= 90 %", holds=named >= 0.90, of=len(faults)),
        Bar(
            name="verdict that of most seeds",
            value=repeated,
            goal=">= 95 %",
            holds=repeated >= 0.95,
            of=len([*healthy, *misses, *faults]),
        ),
        Bar(name="same verdict in other units", value=invariant, goal="100 %", holds=invariant == 1, of=rescaled),
    ]


def _share(outcomes: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> float:
    return sum(map(holds, outcomes)) / max(1, len(outcomes))


def tabulate_rules(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Per rule: name, kinds of network that its faults are in, faulty runs that count, detected, named first, near-misses that it
    must not fall for, false alarms on these and on healthy runs."""
    counted = [each for members in count_faults(outcomes).values() for each in members]
    clean = [each for each in outcomes if each.case.kind in ("healthy", "near-miss")]
    rows = []
    for code, rule in list_rules().items():
        if getattr(rule, "scope", "run") != "run":
            continue  # only a loop that somebody wrote, or ranks, can break it; or it needs more than a training
        faults = [each for each in counted if each.case.codes and each.case.codes[0] == code]
        found, first = sum(map(is_detected, faults)), sum(map(is_named_first, faults))
        false = sum(code in alarms(each) for each in clean)
        near = sum(code in each.case.codes for each in clean)
        kinds = {find_architecture(make_config(each.case, each.seed)) for each in faults}
        shares = (_say(found, len(faults)), _say(first, len(faults)))
        rows.append((code, rule.name, ", ".join(sorted(kinds)), f"{len(faults)}", *shares, f"{near}", f"{false}"))
    return rows


def _say(count: int, of: int) -> str:
    return f"{100 * count / of:.0f} %" if of else "-"
