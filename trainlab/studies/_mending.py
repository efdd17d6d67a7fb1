"""The search for what mends a config: which remedies to try, which are dropped early, what is kept.

Written as a conversation: `search` asks for runs and is given what was measured. It is followed anew after every plan, so nothing
has to be remembered between them.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from trainlab import causes
from trainlab.config import Config
from trainlab.plan import PlannedRun
from trainlab.report import Finding
from trainlab.studies._arms import hold_back
from trainlab.studies._exploring import (
    CONTROL,
    FRESH,
    Explored,
    Measured,
    Room,
    explore,
    keep_usual,
    name_again,
    name_once,
    plan_change,
)
from trainlab.studies._proposing import Change, propose
from trainlab.studies._standing import Effect, Standing, Verdict, compare, count_faults, is_better, judge

LEAST = 2 + 3 * FRESH  # trainings: the control and one change, then both and the second best with fresh seeds
FURTHER = 2  # changes tried with them where one of them shows that what was found is not enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a change did next to the control.

    Attributes:
        effects: by the config's own measure.
        standing: its runs with fresh seeds, else the one it was tried with.
        seeds: how many; 1 of one that was dropped early.
        verdict: `mends` is what makes faults fewer and harms nothing.
    """

    change: Change
    effects: tuple[Effect, ...]
    standing: Standing
    seeds: int
    verdict: Verdict | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the search found.

    Attributes:
        kept: what mends the config; None if nothing does.
        trials: everything tried, what was kept first.
        control: the runs that they are compared with; None if there were none.
        cost: all runs of the study, in trainings of the config.
        needs: the smallest budget that a search fits into, where the one given is too small.
    """

    kept: Trial | None = None
    trials: tuple[Trial, ...] = ()
    control: Standing | None = None
    cost: float = 0.0
    needs: float | None = None


Search = Generator[list[PlannedRun], Measured, Outcome]


def follow(search: Search, measured: Measured, *, last: bool = False) -> list[PlannedRun] | Outcome:
    """The runs that the search asks for and that were not made yet, or what it found; with `last`, from what there is."""
    names = {trace.name for trace in measured.traces}
    try:
        wanted = next(search)
        while last or any(run.name in names for run in wanted):
            wanted = search.send(measured)
    except StopIteration as end:
        found: Outcome = end.value
        return found
    return wanted


def search(config: Config, findings: Sequence[Finding], seeds: Sequence[int], budget: float | None, samples: int = 0) -> Search:
    """Try remedies until no fault is left or nothing helps, then see with fresh seeds what holds.

    Each step tries the likeliest patches with one seed, in portions, and goes on from the best. What was gained is measured again
    next to the control, with seeds that have chosen nothing, as is what came second; a step that adds nothing is dropped. Where one
    of these seeds shows an error still, its remedies are tried with all of them.

    Args:
        config: the base.
        findings: on the base, the likeliest cause first.
        seeds: of the base, first the one to try with.
        budget: trainings of the config that all of it may cost, the base included; None for any number.
        samples: in the training part of the base.
    """
    room = Room(budget, config, len(seeds))
    held = hold_back(config)
    start = Change(name=CONTROL, patch={}, config=config)
    queue = propose(start, start, findings)
    if not queue:
        return Outcome()
    if room.left < LEAST:
        return Outcome(needs=len(seeds) + LEAST)
    found = yield from explore(start, queue, held, seeds[0], room, samples)
    if found.control is None:
        return Outcome(cost=found.measured.cost)
    measured, chain, more = found.measured, list(filter(None, [*found.chain, found.tuned])), []
    if chain:
        last, fresh = chain[-1], range(max(seeds) + 1, max(seeds) + 1 + FRESH)
        room.left -= FRESH * sum(map(room.weigh, [start, *chain]))
        again = [start, *chain, *(change for change in found.second if room.take(change, runs=FRESH))]
        measured = yield [run for change in again for run in plan_change(change, name_again(change), held, fresh)]
        mended = measured.read(name_again(last))
        stronger = propose(start, last, mended.rare) if mended is not None else []
        more = [change for change in stronger if change not in again][:FURTHER]
        more = [change for change in more if room.take(change, runs=FRESH)]
    if more:
        measured = yield [run for change in more for run in plan_change(change, name_again(change), held, fresh)]
    return _conclude(measured, start, [*chain, *more, *found.second], found, findings)


def _conclude(
    measured: Measured, start: Change, weighed: Sequence[Change], explored: Explored, findings: Sequence[Finding]
) -> Outcome:
    """What holds with fresh seeds; of the rest, what the one seed showed. What most seeds of the base show is to be mended."""
    fresh = measured.read(name_again(start))
    if fresh is not None:
        told = causes.count(keep_usual(findings))
        faults = max(fresh.faults, (told["error"], told["warning"], 0))
        fresh = replace(fresh, errors=faults[0], warnings=faults[1])
    kept: Trial | None = None
    trials: list[Trial] = []
    if fresh is not None:
        before = fresh
        for change in weighed:
            found = measured.read(name_again(change))
            if found is None:
                break
            trial = _weigh(change, fresh, found)
            trials.append(trial)
            second = kept is not None and change in explored.second
            if trial.verdict != "harms" and _adds(before, found, tuned=change is explored.tuned, second=second):
                kept, before = trial, found
    seen = {trial.change.name for trial in trials}
    for name, change in explored.tried.items():
        found = measured.read(name_once(change))
        if found is not None and explored.control is not None and name not in seen:
            trials.append(replace(_weigh(change, explored.control, found), verdict="dropped early"))
    trials.sort(key=lambda trial: trial is not kept)
    return Outcome(kept=kept, trials=tuple(trials), control=fresh or explored.control, cost=measured.cost)


def _weigh(change: Change, before: Standing, after: Standing) -> Trial:
    effects = compare(before, after)
    verdict: Verdict | str = judge(effects)
    if verdict == "no difference" and count_faults(before, after) < before.faults:
        verdict = "mends"
    return Trial(change=change, effects=tuple(effects), standing=after, seeds=len(after.traces), verdict=verdict)


def _adds(before: Standing, after: Standing, *, tuned: bool = False, second: bool = False) -> bool:
    """Whether the later arm is better by more than noise, or has fewer faults and is not worse.

    One that is `tuned` must be better in the measure that counts, and have no more faults. What came `second` takes the place of
    what came first also where chance may tell them apart: if it has no more faults and is better on average.
    """
    effects, faults = compare(before, after), count_faults(before, after)
    if tuned:
        return judge(effects[:1]) == "helps" and faults <= before.faults
    verdict = judge(effects)
    if verdict != "no difference":
        return verdict == "helps"
    return faults < before.faults or (second and faults <= before.faults and bool(effects) and is_better(effects[0]))
