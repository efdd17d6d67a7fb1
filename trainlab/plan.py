"""Plan: the runs to train together, and what to measure and judge on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainlab.config import Config
    from trainlab.report import Answer, Comparison, Finding, Patch, Table, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One run to train.

    Attributes:
        name: in the report; runs of one name are one arm.
        patch: what differs from the base.
        config: whole, seed included.
        judged: by the rules. What is only set beside the base is not, and is spared what they need measured.
        probes: names of those beside the ones of its plan.
    """

    name: str
    patch: Patch
    config: Config
    judged: bool = True
    probes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Runs whose mean prediction is one more entry, for each seed: an ensemble.

    Attributes:
        name: of the entry.
        members: names of the runs; those of one seed are averaged, if all of them are there. They need the probe `votes`.
    """

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """How runs are computed by several processes each, and compared with one.

    Attributes:
        steps: updates to compute.
        timeout: seconds in which some process must move on.
        timed: measure times too.
    """

    steps: int
    timeout: float
    timed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Runs to train together, probes and rules by name.

    Attributes:
        runs: the base first; with several seeds, runs of the same name follow each other.
        probes: names of `trainlab.probes`, beside those that the rules need.
        rules: names of `trainlab.rules`.
        groups: of runs of this plan, or of an earlier one.
        ranks: each run is computed by the ranks of its section `distributed` in place of being trained; None to train.
    """

    runs: tuple[PlannedRun, ...]
    probes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    ranks: Ranks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A patch and the config it makes, seed not yet set."""

    name: str
    patch: Patch
    config: Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks of a study.

    Attributes:
        arms: the base first, then one for each `--vs`, already validated.
        seeds: `seed .. seed + N - 1`.
        seeds_given: the user asked for so many; otherwise there is one, and a study may take more.
        chosen: the study's own options by name (`{"steps": 10}`); one that was not given is absent.
        budget: trainings of the base that the study may cost; None for any number.
        reported: codes of the rules that the user wants to hear of; None for all of the study's.
    """

    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    seeds_given: bool = True
    chosen: Mapping[str, Any] = field(default_factory=dict)
    budget: float | None = None
    reported: frozenset[str] | None = None


Find = Callable[[Sequence["Trace"]], Sequence["Finding"]]
"""What the rules find in traces, the likeliest cause first; how a study of several plans learns what is wrong so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What a study says once everything is measured.

    Attributes:
        answer: the first line of the report.
        tables: the details.
        comparisons: of arms with the base.
        findings: those that concern the question, of all that the rules found. A rate that a sweep tried and rejected is a row
            of its table, not a fault of the user's.
        about: names of the runs that the report judges; what could not be judged in others is not listed. None for all.
    """

    answer: Answer
    tables: tuple[Table, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    findings: tuple[Finding, ...] = ()
    about: frozenset[str] | None = None
