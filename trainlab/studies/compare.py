"""What does a change do? Any changes, side by side, and whether the difference is real."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trainlab.config import Config
from trainlab.errors import UserError
from trainlab.plan import Arm, Conclusion, Find, Options, Plan
from trainlab.report import Column, Finding, Skipped, Table, Trace
from trainlab.studies._arms import by_arm, list_seeds, plan_runs
from trainlab.studies._compared import tabulate
from trainlab.studies._contest import Measure, choose_measure, find_target, hold, weigh_factors
from trainlab.studies._depth import SIGNALS, is_about_depth
from trainlab.studies._grid import Grid, changes_length, equalise, make_grid
from trainlab.studies._stories import Story, say

PROBES = ("accuracy", "batch-loss")
RULES = (
    "overfitting",
    "underfitting",
    "non-finite",
    "diverged",
    "collapsed",
    "learning-rate-too-high",
    "loss-mismatch",
    "output-mismatch",
    "unscaled-features",
    "non-finite-data",
)
SEEDS = 5  # where none are asked for
UPDATES = "train.updates"


def first(config: Config, options: Options) -> Plan:
    """Every cell with every seed.

    Raises:
        UserError: there is nothing to compare, or what there is cannot be; see `make_grid`.
    """
    grid = make_grid(config, options)
    if "target" in options.chosen and len({str(cell.arm.config.loss) for cell in grid.cells}) > 1:
        raise UserError("the losses compared are of different kinds, no number is the same to them", key="--target")
    return Plan(
        runs=plan_runs([cell.arm for cell in grid.cells], list_seeds(options, SEEDS)),
        probes=_choose_probes(grid, options),
        rules=RULES,
    )


def _choose_probes(grid: Grid, options: Options) -> tuple[str, ...]:
    """What is always shown; signals by depth where something differs that decides them; the sharpness where it is asked for."""
    depth = SIGNALS if is_about_depth([cell.arm.patch for cell in grid.cells]) else ()
    return (*PROBES, *depth, *(("largest-curvature",) if "sharpness" in options.chosen else ()))


def goes_on(options: Options) -> bool:
    """Whether there may be a plan after the first."""
    return options.chosen.get("equal") != "epochs"


def then(config: Config, options: Options, traces: Sequence[Trace], find: Find) -> Plan | None:  # noqa: ARG001  # no rule decides
    """What made more or fewer updates than the base, once more with as many as it makes."""
    grid = make_grid(config, options)
    if not _holds_updates(grid, options):
        return None
    done = by_arm(traces)
    arms = [arm for arm in _equalise(grid, done).values() if arm.name not in done]
    return (
        Plan(runs=plan_runs(arms, list_seeds(options, SEEDS)), probes=_choose_probes(grid, options), rules=RULES) if arms else None
    )


def conclude(
    config: Config,
    options: Options,
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],  # noqa: ARG001  # one signature for all studies
) -> Conclusion:
    """Which is best, whether by more than noise, what each factor does on its own; at equal epochs and at equal updates."""
    grid, arms = make_grid(config, options), by_arm(traces)
    equal = _equalise(grid, arms) if _holds_updates(grid, options) else {}
    target = options.chosen.get("target") or find_target(list(arms.values()))
    measure = choose_measure(traces, options.chosen.get("by"), target)
    stories = [_tell("", grid, measure, arms)]
    if any(arm.name in arms and arm.name != name for name, arm in equal.items()):
        base = arms[grid.cells[0].arm.name][0]
        stories[0] = replace(stories[0], when=f"at equal epochs ({base.config.train.epochs})")
        held = {name: arms[arm.name] for name, arm in equal.items() if arm.name in arms}
        stories.append(_tell(f"at equal updates ({base.planned})", grid, measure, held))
    about = {grid.cells[0].arm.name, *(story.contest.entrants[0].name for story in stories)}
    return Conclusion(
        answer=say(stories),
        tables=tuple(table for story in stories for table in tabulate(story, findings)),
        comparisons=tuple(each for story in stories for each in story.contest.comparisons.values()),
        findings=tuple(each for each in findings if each.run in about),
        about=frozenset(about),
    )


def tabulate_times(traces: Sequence[Trace], seconds: Mapping[str, float]) -> Table:
    """Milliseconds an update, seconds an epoch and seconds in all, of one run trained by itself; the base first."""
    rows, costs = [], {}
    for name, runs in by_arm(traces).items():
        if name in seconds and UPDATES not in runs[0].patch:
            train, samples = runs[0].config.train, runs[0].sizes.get("train", 1)
            costs[name] = (min(train.batch_size or samples, samples) * train.accumulate, seconds[name])
            each = math.ceil(runs[0].planned / runs[0].config.train.epochs)
            rows.append((name, 1e3 * seconds[name], each, each * seconds[name], runs[0].planned * seconds[name]))
    columns = ("ms an update", "updates an epoch", "s an epoch", "s in all")
    return Table(
        name="times",
        title=f"time, each trained by itself (differs from run to run){_say_knee(list(costs.values()))}",
        columns=(Column(name="run"), *(Column(name=name, kind="number") for name in columns)),
        rows=tuple(rows),
        is_timed=True,
    )


def _say_knee(costs: Sequence[tuple[int, float]]) -> str:
    """Up to which batch size the hardware makes larger batches cheap, where sizes differ.

    Args:
        costs: samples of an update, and seconds that it takes.
    """
    sizes = sorted({size for size, _ in costs})
    least = min((seconds for _, seconds in costs), default=0.0)
    cheap = [size for size in sizes if max(seconds for each, seconds in costs if each == size) < 2 * least]
    if len(sizes) < 2 or not cheap:
        return ""
    return f"; up to {cheap[-1]:,} samples an update takes less than twice the least"


def _tell(when: str, grid: Grid, measure: Measure, arms: Mapping[str, Sequence[Trace]]) -> Story:
    levels = weigh_factors(measure, grid, arms) if len(grid.factors) > 1 else []
    return Story(when=when, grid=grid, contest=hold(measure, grid.cells, arms), levels=levels)


def _holds_updates(grid: Grid, options: Options) -> bool:
    """Where cells differ in the updates an epoch has, the number of updates would explain all that they differ in."""
    return bool(options.chosen.get("equal", "both" if changes_length(grid) else "epochs") == "both")


def _equalise(grid: Grid, arms: Mapping[str, Sequence[Trace]]) -> dict[str, Arm]:
    """For each cell that was trained the arm that makes as many updates as the base: its own where that already does."""
    base = grid.cells[0].arm.name
    found = {}
    for cell in grid.cells:
        if cell.arm.name in arms and base in arms:
            updates, trace = arms[base][0].planned, arms[cell.arm.name][0]
            train = trace.config.train
            each = math.ceil(trace.planned / train.epochs)
            epochs = math.ceil(updates / each) if train.updates is None else updates
            found[cell.arm.name] = cell.arm if trace.planned == updates else equalise(cell, updates, epochs)
    return found
