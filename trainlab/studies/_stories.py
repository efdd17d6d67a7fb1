"""A comparison in a sentence or two: which is best, whether that is real, and which factors matter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainlab.report import Answer, Comparison
from trainlab.studies._contest import Contest, Entrant, Level, Measure, find_reach
from trainlab.studies._grid import Grid, say_level
from trainlab.studies._standing import LOGS

FEW = 3  # cells named in the answer
ENOUGH = 3  # seeds: with fewer, Student's interval holds nearly everything


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One comparison of all cells; `when` says what they have in common, where that is told of more than one."""

    when: str
    grid: Grid
    contest: Contest
    levels: Sequence[Sequence[Level]]


def say(stories: Sequence[Story]) -> Answer:
    """Which is best, and is it real."""
    text = _say_contest(stories[0]) if len(stories) == 1 else _say_both(*stories)
    values = {story.when or "comparison": _list_values(story) for story in stories}
    return Answer(text=text[:1].upper() + text[1:], values=values if len(stories) > 1 else next(iter(values.values())))


def _list_values(story: Story) -> dict[str, Any]:
    contest = story.contest
    return {
        "by": contest.measure.metric,
        "target": contest.measure.target,
        "best": contest.entrants[0].name if contest.is_won else None,
        "first": [each.name for each in contest.tied],
        "reached": {each.name: each.value for each in contest.entrants},
        "factors": {
            levels[0].factor: {
                each.word: {"mean": each.value, "verdict": each.comparison.verdict if each.comparison else None} for each in levels
            }
            for levels in story.levels
            if levels
        },
    }


def _say_contest(story: Story) -> str:
    contest, measure = story.contest, story.contest.measure
    best, *others = contest.entrants
    seeds = len(best.runs)
    start = f"of {' / '.join(story.grid.words)}: " if len(story.grid.factors) > 1 else ""
    reached = f"{say_measure(measure)} {say_value(measure, best.value)}"
    if not others:
        return f"{start}there is only {best.cell.label}: {reached}."
    if _is_out_of_reach(contest):
        return f"{start}nothing to choose by: no run gets to a loss of {measure.target:g}."
    if seeds < 2:
        return f"{start}{best.cell.label} comes first ({reached}), but one seed cannot tell whether that is chance: try --seeds 5."
    if contest.is_won:
        ahead = say_change(measure, contest.comparisons[others[0].name], turned=True, of=f"{others[0].cell.label}, the next")
        text = f"{start}{best.cell.label} is best: {reached}, {ahead}, {seeds} seeds)."
    else:
        worse = _list_labels([each for each in contest.entrants if each not in contest.tied], told=True)
        last = max(contest.tied, key=lambda each: -each.value if measure.higher else each.value)
        ends = dict.fromkeys((say_value(measure, best.value), say_value(measure, last.value)))
        advice = "; more tell more: try --seeds 5" if seeds < ENOUGH else ""
        span = f"{say_measure(measure)} {' to '.join(ends)}, {seeds} seeds{advice}"
        text = f"{start}no clear winner: {_join(_list_labels(contest.tied))} cannot be told apart ({span})"
        rest = _join(worse) if len(worse) <= FEW else f"the other {len(worse)}"
        text += f"; {rest} {'is' if len(worse) == 1 else 'are'} worse." if worse else "."
    levels = [each for each in story.levels if each]
    if sum(len(_list_real(each)) for each in levels) > FEW:  # the table of factors says it better
        return f"{text} {_say_which(levels)}"
    effects = "; ".join(_say_factor(measure, each) for each in levels)
    return f"{text} On its own, {effects}." if effects else text


def _list_labels(entrants: Sequence[Entrant], *, told: bool = False) -> list[str]:
    """`activation relu`, `tanh`: of a single factor the word is said once, unless it has been `told`."""
    return [
        say_level(each.cell.levels[0]) if len(each.cell.places) == 1 and (told or place) else each.cell.label
        for place, each in enumerate(entrants)
    ]


def _is_out_of_reach(contest: Contest) -> bool:
    """The target decides, and no run gets there."""
    measure = contest.measure
    return measure.by == "updates" and not any(
        find_reach(trace, measure.target) for each in contest.entrants for trace in each.runs
    )


def _say_which(factors: Sequence[Sequence[Level]]) -> str:
    """Which factors make a difference on their own, and which do not."""
    real = [levels[0].factor for levels in factors if _list_real(levels)]
    idle = [levels[0].factor for levels in factors if not _list_real(levels)]
    parts = [f"{_join(real)} {'makes' if len(real) == 1 else 'make'} a difference"] if real else []
    parts += [f"{_join(idle)} {'makes' if len(idle) == 1 else 'make'} none beyond noise"] if idle else []
    return f"On its own, {', '.join(parts)}."


def _say_both(one: Story, other: Story) -> str:
    """Two stories of the same cells in a sentence, and which factors matter in which of them in another."""
    start = f"of {' / '.join(one.grid.words)}, " if len(one.grid.factors) > 1 else ""
    text = f"{start}{_say_briefly(one)}; {_say_briefly(other, again=True)}."
    seeds = len(one.contest.entrants[0].runs)
    if seeds < ENOUGH:
        text += f" {'One seed cannot' if seeds == 1 else f'{seeds} seeds hardly'} tell whether that is chance: try --seeds 5."
        return text
    real = [{levels[0].factor for levels in story.levels if levels and _list_real(levels)} for story in (one, other)]
    known = list(dict.fromkeys(levels[0].factor for story in (one, other) for levels in story.levels if levels))
    places = {
        "in both": [each for each in known if each in real[0] & real[1]],
        f"only {one.when.partition(' (')[0]}": [each for each in known if each in real[0] - real[1]],
        f"only {other.when.partition(' (')[0]}": [each for each in known if each in real[1] - real[0]],
        "in neither": [each for each in known if each not in real[0] | real[1]],
    }
    parts = [(factors, where) for where, factors in places.items() if factors]
    told = [
        f"{_join(factors)} {'' if place else 'matters ' if len(factors) == 1 else 'matter '}{where}"
        for place, (factors, where) in enumerate(parts)
    ]
    return f"{text} On its own, {', '.join(told)}." if told else text


def _say_briefly(story: Story, *, again: bool = False) -> str:
    """`at equal epochs (5) 0.5 / 64 is best (test accuracy 97.1 %)`; `again`: what is measured has been said."""
    contest, measure = story.contest, story.contest.measure
    best = contest.entrants[0]
    reached = say_value(measure, best.value) if again else f"{say_measure(measure)} {say_value(measure, best.value)}"
    if len(contest.entrants) == 1:
        return f"{story.when} there is only {best.cell.label} ({reached})"
    if _is_out_of_reach(contest):
        return f"{story.when} no run gets to a loss of {measure.target:g}"
    if contest.is_won:
        return f"{story.when} {best.cell.label} is best ({reached})"
    return f"{story.when} no clear winner ({best.cell.label} first, {reached})"


def _list_real(levels: Sequence[Level]) -> list[Level]:
    """The values that differ from the first one by more than noise."""
    return [each for each in levels[1:] if each.comparison is not None and each.comparison.verdict != "no-difference"]


def _say_factor(measure: Measure, levels: Sequence[Level]) -> str:
    """`optimizer: adam +3.2 points (+2.1 to +4.4) next to sgd`."""
    first = levels[0]
    told = [f"{each.word} {say_change(measure, each.comparison)})" for each in _list_real(levels) if each.comparison]
    return f"{first.factor}: {_join(told)} next to {first.word}" if told else f"{first.factor} makes no difference beyond noise"


def _join(words: Sequence[str], most: int = FEW) -> str:
    """`a, b and c`; of many the first ones, and how many more."""
    if not words:
        return ""
    kept = list(words) if len(words) <= most + 1 else [*words[:most], f"{len(words) - most} more"]
    comma = "; " if any("," in word for word in kept) else ", "
    return kept[0] if len(kept) == 1 else f"{comma.join(kept[:-1])} and {kept[-1]}"


def say_measure(measure: Measure) -> str:
    """`test accuracy`, `updates to a loss of 0.2`."""
    if measure.by == "updates":
        return f"updates to a loss of {measure.target:g}:"
    return measure.metric.replace("_", " ").replace("r2", "R2")


def say_value(measure: Measure, value: float) -> str:
    """A mean of the measure."""
    if measure.metric.endswith("accuracy"):
        return f"{100 * value:.1f} %"
    return f"{value:.3g}" if measure.by != "updates" else f"{value:.0f}"


def say_change(measure: Measure, comparison: Comparison, *, turned: bool = False, of: str = "") -> str:
    """`+5.5 points (+1.0 to +10.3` without the bracket that closes it; the corrected interval.

    Args:
        measure: what decides.
        comparison: the difference.
        turned: told from the other side.
        of: what it is told of, in a sentence: `+5.5 points over that (95 % interval +1.0 to +10.3`.
    """
    sign = -1 if turned else 1
    low, high = sorted(sign * end for end in comparison.corrected)
    numbers = [_say_number(measure, number) for number in (sign * comparison.difference, low, high)]
    unit = " points" if measure.metric.endswith("accuracy") else " times" if measure.is_log else ""
    beside = f" {'that of' if measure.is_log else 'over'} {of}" if of else ""
    return f"{numbers[0]}{unit}{beside} ({'95 % interval ' if of else ''}{numbers[1]} to {numbers[2]}"


def _say_number(measure: Measure, number: float) -> str:
    if measure.is_log:
        return f"{math.exp(max(-LOGS, min(number, LOGS))):.3g}"
    number = max(-1.0, min(number, 1.0)) if measure.metric.endswith("accuracy") else number  # as far as a share can differ
    if measure.by == "loss":
        return f"{number:+.3g}"
    return f"{100 * number:+.1f}" if measure.metric.endswith("accuracy") else f"{number:+.3f}"
