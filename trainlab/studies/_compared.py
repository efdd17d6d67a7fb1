"""A comparison told: which is best and whether that is real, side by side, and each factor on its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trainlab.report import Answer, Column, Comparison, Finding, Table, Trace
from trainlab.studies._arms import count_held, draw_loss, mean, say_seeds
from trainlab.studies._contest import Contest, Entrant, Level, Measure, find_reach
from trainlab.studies._depth import is_deep, tabulate_depth
from trainlab.studies._grid import Grid, say_level

WORST = {"diverged": {"G006", "L003"}, "collapsed": {"L008"}, "underfits": {"F002"}}
WORDS: Mapping[str, str] = {"helps": "better", "harms": "worse", "no-difference": "no difference"}
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
    told = [_say_contest(story) for story in stories]
    text = " ".join(text[:1].upper() + text[1:] for text in told)
    values = {story.when or "comparison": _list_values(story) for story in stories}
    return Answer(text=text, values=values if len(stories) > 1 else next(iter(values.values())))


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
    start = f"{story.when}, " if story.when else ""
    start += f"of {' / '.join(story.grid.words)}: " if len(story.grid.factors) > 1 else ""
    reached = f"{say_measure(measure)} {say_value(measure, best.value)}"
    if not others:
        return f"{start}there is only {best.cell.label}: {reached}."
    if measure.by == "updates" and not any(find_reach(trace, measure.target) for each in contest.entrants for trace in each.runs):
        return f"{start}nothing to choose by: no run gets to a loss of {measure.target:g}."
    if seeds < 2:
        return f"{start}{best.cell.label} comes first ({reached}), but one seed cannot tell whether that is chance: try --seeds 5."
    if contest.is_won:
        ahead = say_change(measure, contest.comparisons[others[0].name], turned=True, of=f"{others[0].cell.label}, the next")
        text = f"{start}{best.cell.label} is best: {reached}, {ahead}, {seeds} seeds)."
    else:
        worse = [each.cell.label for each in contest.entrants if each not in contest.tied]
        last = max(contest.tied, key=lambda each: -each.value if measure.higher else each.value)
        ends = dict.fromkeys((say_value(measure, best.value), say_value(measure, last.value)))
        advice = "; more tell more: try --seeds 5" if seeds < ENOUGH else ""
        span = f"{say_measure(measure)} {' to '.join(ends)}, {seeds} seeds{advice}"
        text = f"{start}no clear winner: {_join([each.cell.label for each in contest.tied])} cannot be told apart ({span})"
        rest = _join(worse) if len(worse) <= FEW else f"the other {len(worse)}"
        text += f"; {rest} {'is' if len(worse) == 1 else 'are'} worse." if worse else "."
    levels = [each for each in story.levels if each]
    if story.when:  # two stories are long enough
        return f"{text} {_say_which(levels)}" if levels else text
    effects = "; ".join(_say_factor(measure, each) for each in levels)
    return f"{text} On its own, {effects}." if effects else text


def _say_which(factors: Sequence[Sequence[Level]]) -> str:
    """Which factors make a difference on their own, and which do not."""
    real = [levels[0].factor for levels in factors if _list_real(levels)]
    idle = [levels[0].factor for levels in factors if not _list_real(levels)]
    parts = [f"{_join(real)} {'makes' if len(real) == 1 else 'make'} a difference"] if real else []
    parts += [f"{_join(idle)} {'makes' if len(idle) == 1 else 'make'} none beyond noise"] if idle else []
    return f"On its own, {', '.join(parts)}."


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
    unit = " points" if measure.metric.endswith("accuracy") else "" if measure.by == "score" else " times"
    beside = f" {'over' if measure.by == 'score' else 'that of'} {of}" if of else ""
    return f"{numbers[0]}{unit}{beside} ({'95 % interval ' if of else ''}{numbers[1]} to {numbers[2]}"


def _say_number(measure: Measure, number: float) -> str:
    if measure.by != "score":
        return f"{math.exp(max(-700.0, min(number, 700.0))):.3g}"
    number = max(-1.0, min(number, 1.0)) if measure.metric.endswith("accuracy") else number  # as far as a share can differ
    return f"{100 * number:+.1f}" if measure.metric.endswith("accuracy") else f"{number:+.3f}"


def tabulate(story: Story, findings: Sequence[Finding]) -> list[Table]:
    """Side by side, the best first; two factors crossed; each factor on its own; the signals by depth."""
    tables = [_tabulate_entrants(story, findings)]
    if len(story.grid.factors) == 2:
        tables.append(_cross(story))
    if any(story.levels):
        tables.append(_tabulate_levels(story))
    entrants = story.contest.entrants
    if "updates" not in story.when and is_deep(entrants):
        labels = [_list_words(each, story.grid) for each in entrants]
        tables.append(tabulate_depth(entrants, story.grid.words or ["run"], labels))
    return tables


def _list_words(entrant: Entrant, grid: Grid) -> list[str]:
    """The value of each factor; in a list of changes the change."""
    return [say_level(level) for level in entrant.cell.levels] if grid.factors else [entrant.cell.label]


def _name(word: str, story: Story) -> str:
    return word + ("-equal-updates" if "updates" in story.when else "")


def _title(text: str, story: Story) -> str:
    return f"{text} {story.when}" if story.when else text


def _tabulate_entrants(story: Story, findings: Sequence[Finding]) -> Table:
    contest, grid = story.contest, story.grid
    measure, seeds = contest.measure, sorted({len(each.runs) for each in contest.entrants})
    kind = "r2" if any(trace.task == "regression" for trace in contest.entrants[0].runs) else "accuracy"
    shown: Literal["number", "percent"] = "number" if kind == "r2" else "percent"
    parts = [
        part
        for part in ("train", "validation", "test")
        if any(f"{part}_{kind}" in each.runs[0].metrics for each in contest.entrants)
    ]
    losses = [part for part in ("train", "validation", "test") if f"{part}_loss" in contest.entrants[0].runs[0].metrics]
    main = measure.part if measure.by == "score" else parts[-1] if parts else ""
    is_sharp = any("sharpness" in each.runs[0].metrics for each in contest.entrants)
    rows = []
    for each in contest.entrants:
        scores = {part: mean(each.runs, f"{part}_{kind}") for part in parts}
        train, last = scores.get("train"), scores.get(parts[-1]) if len(parts) > 1 else None
        comparison = contest.comparisons.get(each.name)
        rows.append(
            (
                *_list_words(each, grid),
                *([scores[main]] if main else []),
                *(scores[part] for part in parts if part != main),
                *([None if train is None or last is None else train - last] if len(parts) > 1 else []),
                *([] if measure.target is None else [None if each.reach is None else round(each.reach)]),
                say_change(measure, comparison) + ")" if comparison else None,
                _say_verdict(each, contest, findings),
                *([mean(each.runs, "sharpness")] if is_sharp else []),
                *(mean(each.runs, f"{part}_loss") for part in losses),
                _find_start(each.runs),
                draw_loss(each.runs),
                each.name,
            )
        )
    label = kind.replace("r2", "R2")
    title = _title("side by side", story) + f", means over {' to '.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))} seeds" * (
        seeds[-1] > 1
    )
    return Table(
        name=_name("cells", story),
        title=title,
        columns=(
            *(Column(name=word) for word in grid.words or ["run"]),
            *([Column(name=f"{main} {label}", kind=shown)] if main else []),
            *(Column(name=f"{part} {label}", kind=shown, priority=2) for part in parts if part != main),
            *([Column(name="gap", kind=shown, priority=2)] if len(parts) > 1 else []),
            *([] if measure.target is None else [Column(name=f"updates to {measure.target:g}", kind="number", priority=1)]),
            Column(name="next to the first", priority=0),
            Column(name="verdict", kind="verdict"),
            *([Column(name="sharpness", kind="number", priority=1)] if is_sharp else []),
            *(Column(name=f"{part} loss", kind="number", priority=1 if part == "train" else 3) for part in losses),
            Column(name="loss at start", kind="number", priority=4),
            Column(name="loss", kind="curve", priority=4),
            Column(name="run", priority=5) if grid.factors else Column(name="name", priority=5),
        ),
        rows=tuple(rows),
        compares=True,
    )


def _find_start(runs: Sequence[Trace]) -> float | None:
    """The loss of the first batch, before any update; the mean over the seeds."""
    losses = [trace.series["batch-loss"].values[0] for trace in runs if "batch-loss" in trace.series]
    return float(np.mean(losses)) if losses and np.isfinite(losses).all() else None


def _say_verdict(entrant: Entrant, contest: Contest, findings: Sequence[Finding]) -> str | None:
    """Where it stands, and what is wrong with it all the same."""
    if entrant.name not in contest.comparisons and entrant is not contest.entrants[0]:
        word = ""
    elif contest.is_won:
        word = "best" if entrant is contest.entrants[0] else "worse"
    elif len(contest.comparisons) < len(contest.entrants) - 1:
        word = ""
    else:
        word = "first" if entrant is contest.entrants[0] else "in doubt" if entrant in contest.tied else "worse"
    held = ((state, count_held(findings, entrant.name, codes)) for state, codes in WORST.items())
    state = next((say_seeds(state, count, len(entrant.runs)) for state, count in held if count), "")
    base = "the base" if not entrant.cell.arm.patch and len(contest.entrants) > 1 else ""
    return "; ".join(filter(None, [word, state, base])) or None


def _cross(story: Story) -> Table:
    """What two factors reach together: one down, one across."""
    (down, across), measure = story.grid.factors.values(), story.contest.measure
    first, second = story.grid.words
    entrants = [each for each in story.contest.entrants if each.cell.places]
    reached = {each.cell.places: each.value for each in entrants if not any(trace.nonfinite for trace in each.runs)}
    kind: Literal["number", "percent"] = "percent" if measure.metric.endswith("accuracy") else "number"
    return Table(
        name=_name("grid", story),
        title=f"{_title(say_measure(measure).rstrip(':'), story)}: {first} down, {second} across",
        columns=(Column(name=first), *(Column(name=say_level(value), kind=kind) for value in across)),
        rows=tuple(
            (say_level(value), *(reached.get((row, column)) for column in range(len(across)))) for row, value in enumerate(down)
        ),
    )


def _tabulate_levels(story: Story) -> Table:
    measure = story.contest.measure
    kind: Literal["number", "percent"] = "percent" if measure.metric.endswith("accuracy") else "number"
    rows = [
        (
            each.factor if each is levels[0] else "",
            each.word,
            each.value,
            say_change(measure, each.comparison) + ")" if each.comparison else None,
            WORDS[each.comparison.verdict] if each.comparison else None,
        )
        for levels in story.levels
        for each in levels
    ]
    return Table(
        name=_name("factors", story),
        title=_title("each factor on its own, over all values of the others,", story).rstrip(","),
        columns=(
            Column(name="factor"),
            Column(name="value"),
            Column(name=say_measure(measure).rstrip(":"), kind=kind),
            Column(name="next to its first value"),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
    )
