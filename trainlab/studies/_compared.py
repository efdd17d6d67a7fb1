"""The tables of `compare`: side by side, two factors crossed, each factor on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from trainlab.report import Column, Finding, Table, Trace
from trainlab.studies._arms import count_held, draw_loss, mean, say_seeds
from trainlab.studies._contest import Contest, Entrant
from trainlab.studies._depth import is_deep, tabulate_depth
from trainlab.studies._grid import Grid, say_level
from trainlab.studies._stories import Story, say_change, say_measure

WORST = {"diverged": {"G006", "L003"}, "collapsed": {"L008"}, "underfits": {"F002"}}
WORDS: Mapping[str, str] = {"helps": "better", "harms": "worse", "no-difference": "no difference"}


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
