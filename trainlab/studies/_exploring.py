"""With one seed, step by step: which remedies to try on a config, which are dropped early, from which to go on.

Written as a conversation: a generator asks for runs and is given what was measured.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from trainlab import causes
from trainlab.config import Config, apply_patch
from trainlab.plan import Arm, PlannedRun
from trainlab.report import Finding, Patch, Trace
from trainlab.studies._arms import plan_runs
from trainlab.studies._proposing import Change, extend, leaves_one, propose, tune
from trainlab.studies._standing import Standing, choose, is_ahead, leaves_room

STAGE = 6  # remedies tried at once
STAGES = 2  # such portions, the second where the first has nothing that leaves no fault
STEPS = 3  # patches combined at most
TUNINGS = 2  # more, once nothing wrong can be mended any more and much is left to gain
FRESH = 3  # seeds that the search has not seen
CONTROL = "control"
ONCE, AGAIN = " (tried)", " (fresh seeds)"  # what the names of the two kinds of runs end with


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
        findings = keep_usual(found)
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


def keep_usual(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that most seeds show."""
    return tuple(each for each in findings if 2 * each.seeds["held"] > each.seeds["of"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """What one seed shows.

    Attributes:
        chain: the best of each step that mends.
        tuned: the last of it, tuned; None where that adds nothing.
        second: what came after the best of the last step: with one seed, the best is so by chance at times.
        tried: by name.
        control: None if it could not be trained.
    """

    measured: Measured
    chain: tuple[Change, ...] = ()
    tuned: Change | None = None
    second: tuple[Change, ...] = ()
    tried: Mapping[str, Change] = field(default_factory=dict)
    control: Standing | None = None


class Room:
    """What is left of the budget, in trainings of the config."""

    def __init__(self, budget: float | None, base: Config, seeds: int) -> None:
        self._base = base
        self.left = float("inf") if budget is None else budget - seeds

    def weigh(self, change: Change) -> float:
        """What one run of a change costs."""
        own, base = change.config.train, self._base.train
        cost = own.epochs * (base.batch_size or 1) / (base.epochs * (own.batch_size or base.batch_size or 1))
        return cost * _count_shown(change.config) / _count_shown(self._base)

    def take(self, change: Change, keep: float = 0.0, runs: int = 1) -> bool:
        """Whether there is room for so many runs of a change, and then for `keep` more trainings; it is taken if so."""
        cost = runs * self.weigh(change)
        if cost + keep > self.left:
            return False
        self.left -= cost
        return True


def _count_shown(config: Config) -> float:
    """Samples that an epoch shows, in parts of those that there are: with augmentation each more than once."""
    augment, fraction = getattr(config.data, "augment", None), getattr(config.data, "fraction", 1.0)
    return float(fraction * (1 + (augment.copies if augment is not None else 0)))


def explore(
    start: Change, queue: Sequence[Change], held: Patch, seed: int, room: Room, samples: int
) -> Generator[list[PlannedRun], Measured, Explored]:
    """Mend step by step, from the best of each; then tune what mends best, if much is left to gain.

    Args:
        start: the config without any patch.
        queue: what may mend it, the likeliest first.
        held: the patch that makes a validation part.
        seed: to try with.
        room: what it may cost, fresh seeds after it included.
        samples: in the training part of the base.
    """
    walk = _Walk(start, held, seed, room, samples)
    chain: list[Change] = []
    for _ in range(STEPS):
        found = yield from walk.step(queue, chain)
        if found is None:
            break
        change, reached = found
        chain.append(change)
        if not any(reached.faults):
            break
        queue = propose(start, change, reached.findings)
    second, tuned = walk.second, None
    for _ in range(TUNINGS if chain else 0):
        before = walk.reached
        if before is None or not leaves_room(before):
            break
        found = yield from walk.step(tune(start, tuned or chain[-1], () if tuned else second), chain)
        if found is None:
            break
        tuned, reached = found
        if not is_ahead(reached, before):
            break
    return Explored(measured=walk.measured, chain=tuple(chain), tuned=tuned, second=second, tried=walk.tried, control=walk.control)


class _Walk:
    """Where the search has come to.

    Attributes:
        control: the config without any patch; None until it is measured, and where it could not be trained.
        reached: the arm to go on from; the control at first.
        second: what came after the best of the last step; empty if nothing did.
        tried: by name.
    """

    def __init__(self, start: Change, held: Patch, seed: int, room: Room, samples: int) -> None:
        room.take(start)
        self._start, self._held, self._seed, self._room, self._samples = start, held, seed, room, samples
        self.measured = Measured(traces=(), findings=())
        self.control: Standing | None = None
        self.reached: Standing | None = None
        self.second: tuple[Change, ...] = ()
        self.tried: dict[str, Change] = {}

    def step(
        self, queue: Sequence[Change], chain: Sequence[Change]
    ) -> Generator[list[PlannedRun], Measured, tuple[Change, Standing] | None]:
        """Try a queue in portions, and go on from the best of it, with its run; None if nothing is better than what there is.

        Args:
            queue: the likeliest first.
            chain: what will be trained with fresh seeds in any case.
        """
        left = [each for each in queue if each.name not in self.tried and not leaves_one(each.config, self._samples)]
        found: dict[str, Standing] = {}
        best: Change | None = None
        for stage in range(STAGES + 1):
            portion = self._choose_portion(left, best, found) if stage < STAGES else extend(self._start, best, self.tried.values())
            left = [change for change in left if change not in portion]
            found |= yield from self._measure([each for each in portion if self._room.take(each, self._count_fresh(each, chain))])
            best = self._choose(found)
        if best is None:
            return None
        self.second = tuple(filter(None, [self._choose({name: each for name, each in found.items() if name != best.name})]))
        self.reached = found[best.name]
        return best, self.reached

    def _count_fresh(self, change: Change, chain: Sequence[Change]) -> float:
        """Trainings with fresh seeds, if the search ends at this change: with the control, the chain, and what came second."""
        return FRESH * (1 + sum(map(self._room.weigh, [self._start, *chain, change])))

    def _choose_portion(self, queue: Sequence[Change], best: Change | None, found: Mapping[str, Standing]) -> list[Change]:
        """The likeliest; once something does better without a fault, only its other strengths: the first need not be the best."""
        if best is None or self.reached is None or any(found[best.name].faults) or not is_ahead(found[best.name], self.reached):
            return list(queue[:STAGE])
        return [change for change in queue if change.remedies == best.remedies][:STAGE]

    def _measure(self, portion: Sequence[Change]) -> Generator[list[PlannedRun], Measured, dict[str, Standing]]:
        """Train them with the one seed, and before the first of them the control."""
        asked = [] if self.measured.traces else [self._start]
        if asked or portion:
            asked += portion
            self.measured = yield [run for each in asked for run in plan_change(each, name_once(each), self._held, [self._seed])]
        self.control = self.control or self.measured.read(name_once(self._start))
        self.reached = self.reached or self.control
        self.tried |= {change.name: change for change in portion}
        return {change.name: found for change in portion if (found := self.measured.read(name_once(change))) is not None}

    def _choose(self, found: Mapping[str, Standing]) -> Change | None:
        """The best of them; None if what there is already is no worse."""
        if self.reached is None:
            return None
        best = choose([self.reached, *found.values()])
        return next((self.tried[name] for name, each in found.items() if each is best), None)


def plan_change(change: Change, name: str, held: Patch, seeds: Sequence[int]) -> list[PlannedRun]:
    """Runs of one arm, with a validation part."""
    more = {key: value for key, value in held.items() if key not in change.patch}
    config = apply_patch(change.config, more).config
    return list(plan_runs([Arm(name=name, patch={**more, **change.patch}, config=config)], seeds))


def name_once(change: Change) -> str:
    """Of the run that decides whether a change is dropped early; a `--vs` may have the same patch."""
    return f"{change.name}{ONCE}"


def name_again(change: Change) -> str:
    """Of its runs with fresh seeds."""
    return f"{change.name}{AGAIN}"
