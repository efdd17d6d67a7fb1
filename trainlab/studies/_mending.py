"""The search for what mends a config: which remedies to try, which are dropped early, what is kept.

Written as a conversation: `search` asks for runs and is given what was measured. It is followed anew after every plan, so nothing
has to be remembered between them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from trainlab import causes
from trainlab.config import Config, apply_patch
from trainlab.plan import PlannedRun
from trainlab.report import Finding, Patch, Trace
from trainlab.studies._proposing import Change, extend, leaves_one, propose
from trainlab.studies._standing import Effect, Standing, Verdict, choose, compare, count_faults, judge

HELD_BACK = 0.2  # of the samples, to choose by, where the config has no validation part
STAGE = 6  # remedies tried at once
STAGES = 2  # such portions, the second where the first has nothing that leaves no fault
STEPS = 3  # patches combined at most
FRESH = 3  # seeds that the search has not seen
LEAST = 2 + 3 * FRESH  # trainings: the control and one change, then both and the second best with fresh seeds
FURTHER = 2  # changes tried with them where one of them shows that what was found is not enough
CONTROL = "control"
ONCE, AGAIN = " (tried)", " (fresh seeds)"  # what the names of the two kinds of runs end with


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What has been measured so far.

    Attributes:
        score: see `Standing`.
    """

    traces: Sequence[Trace]
    findings: Sequence[Finding]
    score: Literal["correct", "balanced"] = "correct"

    def read(self, name: str) -> Standing | None:
        """An arm, if it was trained."""
        traces = tuple(trace for trace in self.traces if trace.name == name and trace.updates)
        if not traces:
            return None
        found = [each for each in self.findings if each.run == name]
        findings = _keep_usual(found)
        counted = causes.count(findings)
        return Standing(
            name=name,
            traces=traces,
            findings=findings,
            errors=counted["error"],
            warnings=counted["warning"],
            rare=tuple(each for each in found if each not in findings and each.severity == "error" and each.because is None),
            score=self.score,
        )

    @property
    def cost(self) -> float:
        """In trainings of the first run, by updates."""
        return sum(trace.planned for trace in self.traces) / max(1, self.traces[0].planned)


def _keep_usual(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that most seeds show."""
    return tuple(each for each in findings if 2 * each.seeds["held"] > each.seeds["of"])


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
    room = _Room(budget, config, len(seeds))
    held = _hold_back(config)
    start = Change(name=CONTROL, patch={}, config=config)
    queue = propose(start, start, findings)
    if not queue:
        return Outcome()
    if room.left < LEAST:
        return Outcome(needs=len(seeds) + LEAST)
    found = yield from _explore(start, queue, held, seeds[0], room, samples)
    if found.control is None:
        return Outcome(cost=found.measured.cost)
    measured, more = found.measured, []
    if found.chain:
        last, fresh = found.chain[-1], range(max(seeds) + 1, max(seeds) + 1 + FRESH)
        again = (start, *found.chain, *found.second)
        measured = yield [run for change in again for run in _plan(change, _again(change), held, fresh)]
        room.left -= FRESH * len(again)
        mended = measured.read(_again(last))
        stronger = propose(start, last, mended.rare) if mended is not None else []
        more = [change for change in stronger if change not in again][:FURTHER]
        more = [change for change in more if room.take(change, runs=FRESH)]
    if more:
        measured = yield [run for change in more for run in _plan(change, _again(change), held, fresh)]
    return _conclude(measured, start, [*found.chain, *more, *found.second], found.tried, found.control, findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explored:
    """What one seed shows.

    Attributes:
        chain: the best of each step.
        second: what came after the best of the last one: with one seed, the best is so by chance at times.
        tried: by name.
        control: None if it could not be trained.
    """

    measured: Measured
    chain: tuple[Change, ...] = ()
    second: tuple[Change, ...] = ()
    tried: Mapping[str, Change] = field(default_factory=dict)
    control: Standing | None = None


def _explore(
    start: Change, queue: list[Change], held: Patch, seed: int, room: _Room, samples: int
) -> Generator[list[PlannedRun], Measured, _Explored]:
    """Step by step, from the best of each; the control comes with the first portion."""
    room.take(start)
    asked = _plan(start, _once(start), held, [seed])
    measured = Measured(traces=(), findings=())
    control: Standing | None = None
    standing: Standing | None = None
    chain: list[Change] = []
    tried: dict[str, Change] = {}
    second: list[Change] = []
    for _ in range(STEPS):
        queue = [change for change in queue if not leaves_one(change.config, samples)]
        options: list[tuple[Change, Standing]] = []
        best = standing
        for stage in range(STAGES + 1):
            likeliest = next((change for change, found in options if found is best), None)
            next_up = _choose_portion(queue, likeliest, best) if stage < STAGES else extend(start, likeliest, tried.values())
            portion = [change for change in next_up if room.take(change, keep=FRESH * (3 + len(chain)))]
            queue = [change for change in queue if change not in next_up]
            tried |= {change.name: change for change in portion}
            asked += [run for change in portion for run in _plan(change, _once(change), held, [seed])]
            if not asked:
                continue
            measured = yield asked
            asked = []
            control = control or measured.read(_once(start))
            standing = standing or control
            if standing is None:
                return _Explored(measured=measured)
            options += [(change, found) for change in portion if (found := measured.read(_once(change))) is not None]
            best = choose([standing, *(found for _, found in options)])
        if standing is None or best is None or best is standing:
            break
        chain.append(next(change for change, found in options if found is best))
        others = [(change, found) for change, found in options if found is not best]
        if others:
            then = choose([standing, *(found for _, found in others)])
            second = [change for change, found in others if found is then]
        standing = best
        if not any(standing.faults):
            break
        queue = [change for change in propose(start, chain[-1], standing.findings) if change.name not in tried]
    return _Explored(measured=measured, chain=tuple(chain), second=tuple(second), tried=tried, control=control)


def _choose_portion(queue: Sequence[Change], best: Change | None, standing: Standing | None) -> list[Change]:
    """The likeliest; once something leaves no fault, only its other strengths: the first one that mends need not be the best."""
    if best is None or standing is None or any(standing.faults):
        return list(queue[:STAGE])
    return [change for change in queue if change.remedies == best.remedies][:STAGE]


def _conclude(
    measured: Measured,
    start: Change,
    chain: Sequence[Change],
    tried: Mapping[str, Change],
    control: Standing,
    findings: Sequence[Finding],
) -> Outcome:
    """What holds with fresh seeds; of the rest, what the one seed showed. What most seeds of the base show is to be mended."""
    fresh = measured.read(_again(start))
    if fresh is not None:
        told = causes.count(_keep_usual(findings))
        faults = max(fresh.faults, (told["error"], told["warning"], 0))
        fresh = replace(fresh, errors=faults[0], warnings=faults[1])
    kept: Trial | None = None
    trials: list[Trial] = []
    if fresh is not None:
        before = fresh
        for change in chain:
            found = measured.read(_again(change))
            if found is None:
                break
            trial = _weigh(change, fresh, found)
            trials.append(trial)
            if _adds(before, found) and trial.verdict != "harms":
                kept, before = trial, found
    seen = {trial.change.name for trial in trials}
    for name, change in tried.items():
        found = measured.read(_once(change))
        if found is not None and name not in seen:
            trials.append(replace(_weigh(change, control, found), verdict="dropped early"))
    trials.sort(key=lambda trial: trial is not kept)
    return Outcome(kept=kept, trials=tuple(trials), control=fresh or control, cost=measured.cost)


def _weigh(change: Change, before: Standing, after: Standing) -> Trial:
    effects = compare(before, after)
    verdict: Verdict | str = judge(effects)
    if verdict == "no difference" and count_faults(before, after) < before.faults:
        verdict = "mends"
    return Trial(change=change, effects=tuple(effects), standing=after, seeds=len(after.traces), verdict=verdict)


def _adds(before: Standing, after: Standing) -> bool:
    """Whether the later arm is better by more than noise, or has fewer faults and is not worse."""
    verdict = judge(compare(before, after))
    return verdict == "helps" or (verdict == "no difference" and count_faults(before, after) < before.faults)


def _once(change: Change) -> str:
    """Name of the run that decides whether a change is dropped early; a `--vs` may have the same patch."""
    return f"{change.name}{ONCE}"


def _again(change: Change) -> str:
    """Name of its runs with fresh seeds."""
    return f"{change.name}{AGAIN}"


def _plan(change: Change, name: str, held: Patch, seeds: Sequence[int]) -> list[PlannedRun]:
    more = {key: value for key, value in held.items() if key not in change.patch}
    config = apply_patch(change.config, more).config
    return [
        PlannedRun(name=name, patch={**more, **change.patch}, config=replace(config, seed=seed, vs=[], vary={})) for seed in seeds
    ]


def _hold_back(config: Config) -> dict[str, Any]:
    """The patch that makes a validation part where there is none, and can be one."""
    return {"data.validation_fraction": HELD_BACK} if getattr(config.data, "validation_fraction", None) == 0 else {}


def _count_copies(config: Config) -> int:
    """How often augmentation shows each sample in an epoch."""
    augment = getattr(config.data, "augment", None)
    return 1 + (augment.copies if augment is not None else 0)


class _Room:
    """What is left of the budget, in trainings of the config."""

    def __init__(self, budget: float | None, base: Config, seeds: int) -> None:
        self._base = base
        self.left = float("inf") if budget is None else budget - seeds

    def take(self, change: Change, keep: float = 0.0, runs: int = 1) -> bool:
        """Whether there is room for so many runs of a change, and then for `keep` more; it is taken if so."""
        own, base = change.config.train, self._base.train
        cost = runs * own.epochs * (base.batch_size or 1) / (base.epochs * (own.batch_size or base.batch_size or 1))
        cost *= _count_copies(change.config) / _count_copies(self._base)
        if cost + keep > self.left:
            return False
        self.left -= cost
        return True
