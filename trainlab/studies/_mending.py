"""The search for what mends a config: which remedies to try, which are dropped early, what is kept.

Written as a conversation: `search` asks for runs and is given what was measured. It is followed anew after every plan, so nothing
has to be remembered between them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from trainlab import causes
from trainlab.config import Config, apply_patch, name_patch
from trainlab.errors import UserError
from trainlab.plan import PlannedRun
from trainlab.report import Finding, Patch, Trace
from trainlab.studies._remedies import load_remedies
from trainlab.studies._standing import Effect, Standing, Verdict, choose, compare, count_faults, judge

HELD_BACK = 0.2  # of the samples, to choose by, where the config has no validation part
STAGE = 6  # remedies tried at once
STAGES = 2  # such portions, the second where the first has nothing that leaves no fault
STEPS = 3  # patches combined at most
FRESH = 3  # seeds that the search has not seen
FURTHER = 2  # changes tried with them where one of them shows that what was found is not enough
RATE = "optimizer.lr"
BEYOND = {"lower-rate": (1 / 3, 1 / 10), "higher-rate": (3.0, 10.0)}  # of the best rate, where it is the last one tried
CONTROL = "control"
ONCE, AGAIN = " (tried)", " (fresh seeds)"  # what the names of the two kinds of runs end with


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A patch that a remedy proposes, and the config that it makes.

    Attributes:
        name: the patch as text.
        patch: with all those before it.
        remedies: whose patches they are.
        reason: the last one's.
        codes: of the findings that they are for.
    """

    name: str
    patch: Patch
    config: Config
    remedies: tuple[str, ...] = ()
    reason: str = ""
    codes: tuple[str, ...] = ()


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
    """

    kept: Trial | None = None
    trials: tuple[Trial, ...] = ()
    control: Standing | None = None
    cost: float = 0.0


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


def search(config: Config, findings: Sequence[Finding], seeds: Sequence[int], budget: float | None) -> Search:
    """Try remedies until no fault is left or nothing helps, then see with fresh seeds what holds.

    Each step tries the likeliest patches with one seed, in portions, and goes on from the best. What was gained is measured again
    next to the control, with seeds that have chosen nothing, as is what came second; a step that adds nothing is dropped. Where one
    of these seeds shows an error still, its remedies are tried with all of them.

    Args:
        config: the base.
        findings: on the base, the likeliest cause first.
        seeds: of the base, first the one to try with.
        budget: trainings of the config that all of it may cost, the base included; None for any number.
    """
    room = _Room(budget, config, len(seeds))
    held = _hold_back(config)
    start = Change(name=CONTROL, patch={}, config=config)
    queue = propose(start, start, findings)
    if not queue or room.left < 2 + 3 * FRESH:
        return Outcome()
    asked = _plan(start, _once(start), held, seeds[:1])
    room.take(start)
    measured: Measured | None = None
    control: Standing | None = None
    current, standing = start, None
    chain: list[Change] = []
    tried: dict[str, Change] = {}
    second: list[Change] = []  # that came after the best of the last step: with one seed, the best is so by chance at times
    for step in range(STEPS):
        options: list[tuple[Change, Standing]] = []
        best = standing
        for stage in range(STAGES + 1):
            likeliest = next((change for change, found in options if found is best), None)
            if stage < STAGES:
                next_up = _choose_portion(queue, likeliest, best)
            else:
                next_up = _extend(start, likeliest, tried.values())
            portion = [change for change in next_up if room.take(change, keep=FRESH * (3 + len(chain)))]
            queue = [change for change in queue if change not in next_up]
            tried |= {change.name: change for change in portion}
            asked += [run for change in portion for run in _plan(change, _once(change), held, seeds[:1])]
            if not asked:
                continue
            measured = yield asked
            asked = []
            control = control or measured.read(_once(start))
            standing = standing or control
            if standing is None:
                return Outcome(cost=measured.cost)
            options += [(change, found) for change in portion if (found := measured.read(_once(change))) is not None]
            best = choose([standing, *(found for _, found in options)])
        if standing is None or best is None or best is standing:
            break
        current = next(change for change, found in options if found is best)
        others = [(change, found) for change, found in options if found is not best]
        if others:
            then = choose([standing, *(found for _, found in others)])
            second = [change for change, found in others if found is then]
        standing = best
        chain.append(current)
        if not any(standing.faults) or step == STEPS - 1:
            break
        queue = [change for change in propose(start, current, standing.findings) if change.name not in tried]
    if measured is None or control is None:
        return Outcome()
    fresh = range(max(seeds) + 1, max(seeds) + 1 + FRESH)
    more: list[Change] = []
    if chain:
        measured = yield [run for change in (start, *chain, *second) for run in _plan(change, _again(change), held, fresh)]
        room.left -= FRESH * len((start, *chain, *second))
        mended = measured.read(_again(current))
        stronger = propose(start, current, mended.rare) if mended is not None else []
        known = {change.name for change in second}
        more = [change for change in stronger if change.name not in known][:FURTHER]
        more = [change for change in more if room.take(change, runs=FRESH)]
    if more:
        measured = yield [run for change in more for run in _plan(change, _again(change), held, fresh)]
    return _conclude(measured, start, [*chain, *more, *second], tried, control, findings)


def _choose_portion(queue: Sequence[Change], best: Change | None, standing: Standing | None) -> list[Change]:
    """The likeliest; once something leaves no fault, only its other strengths: the first one that mends need not be the best."""
    if best is None or standing is None or any(standing.faults):
        return list(queue[:STAGE])
    return [change for change in queue if change.remedies == best.remedies][:STAGE]


def _extend(start: Change, best: Change | None, tried: Iterable[Change]) -> list[Change]:
    """Rates beyond the best, where that is the last one tried on its side: a better one may lie there, and a safer one."""
    beyond = BEYOND.get(best.remedies[-1]) if best is not None else None
    if best is None or beyond is None or RATE not in best.patch:
        return []
    rate = best.patch[RATE]
    rates = [change.patch[RATE] for change in tried if change.remedies == best.remedies]
    if rate != (min(rates) if beyond[0] < 1 else max(rates)):
        return []
    patches = [{**best.patch, RATE: float(f"{rate * factor:.3g}")} for factor in beyond]
    return [
        replace(best, name=name_patch(patch), patch=patch, config=apply_patch(start.config, patch).config) for patch in patches
    ]


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


def propose(start: Change, base: Change, findings: Sequence[Finding]) -> list[Change]:
    """Every change that a remedy proposes for what was found, the likeliest first; each config once.

    A remedy's first strength comes before its second, a remedy that fits the finding best before others, the cause before what
    follows from it. What follows from a fault that no remedy knows is left alone: the cause must be mended by other means.

    Args:
        start: the config without any patch.
        base: what is to be mended, of `start` and the patches so far.
        findings: on `base`.
    """
    known = load_remedies()
    mendable = {code for remedy in known.values() for code in remedy.codes}
    faults = [each for each in findings if each.severity != "info"]
    roots = _find_roots(faults)
    places = {code: place for place, code in enumerate(dict.fromkeys(each.code for each in faults))}
    weighed: list[tuple[int, int, str, int, str, Patch, Finding]] = []
    for finding in faults:
        if roots[finding.code] not in mendable:
            continue
        for name, remedy in known.items():
            if finding.code not in remedy.codes:
                continue
            rank = getattr(remedy, "rank", 0)
            fit = remedy.codes.index(finding.code) + 3 * places[finding.code] + rank
            for strength, patch in enumerate(remedy.propose(base.config, finding)):
                weighed.append((fit + strength, rank, name, strength, remedy.reason, patch, finding))
    changes: dict[str, Change] = {}
    seen = [base.config]
    for _, _, name, _, reason, patch, finding in sorted(weighed, key=lambda each: each[:4]):
        change = _make(start, base, name, reason, patch, finding)
        if change is None:
            continue
        if change.config not in seen:
            seen.append(change.config)
            changes[change.name] = change
    return list(changes.values())


def _make(start: Change, base: Change, remedy: str, reason: str, patch: Patch, finding: Finding) -> Change | None:
    whole = _join(base.patch, patch)
    try:
        config = apply_patch(start.config, whole).config
    except UserError:  # a patch that this config cannot have
        return None
    return Change(
        name=name_patch(whole),
        patch=whole,
        config=config,
        remedies=(*base.remedies, remedy),
        reason=reason,
        codes=tuple(dict.fromkeys([*base.codes, finding.code])),
    )


def _join(first: Patch, then: Patch) -> dict[str, Any]:
    """One patch after another: a later key replaces what an earlier one has set in it, or a whole section."""
    kept = {key: value for key, value in first.items() if not any(key == new or key.startswith(f"{new}.") for new in then)}
    return {**kept, **then}


def _find_roots(findings: Sequence[Finding]) -> dict[str, str]:
    """For each code, the code that all of it follows from."""
    because = {each.code: each.because for each in reversed(findings)}
    roots = {}
    for code in because:
        root, seen = code, {code}
        while (above := because.get(root)) in because and above not in seen and above is not None:
            root = above
            seen.add(root)
        roots[code] = root
    return roots
