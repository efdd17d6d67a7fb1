"""Observes a script that it does not own, while it runs, and judges what it saw."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trainlab.watch._context import watch
from trainlab.watch._events import Events
from trainlab.watch._launch import Script, load
from trainlab.watch._observer import Enough, Observer
from trainlab.watch._patches import when_imported
from trainlab.watch._ranks import Place, Stopping
from trainlab.watch._record import Record
from trainlab.watch._verdicts import Verdicts

if TYPE_CHECKING:
    from trainlab.report import Report, Skipped
    from trainlab.rules._rule import Rule
    from trainlab.watch._seen import Seen

__all__ = ["Ended", "Events", "Observer", "Options", "Script", "Terminated", "judge", "run", "watch"]

RULES = (
    "non-finite",
    "no-gradient",
    "vanishing-gradient",
    "exploding-gradient",
    "update-ratio",
    "diverged",
    "loss-spike",
    "clipping-too-much",
    "clipping-turns-gradient",
    "clipping-idle",
    "clipping-out-of-order",
    "not-in-optimizer",
    "eval-mode-training",
    "gradient-not-cleared",
    "never-stepped",
    "train-mode-evaluation",
    "loss-mismatch",
    "loss-broadcast",
    "non-finite-data",
    "unscaled-features",
    "unshuffled-data",
    "dead-units",
    "saturated-activation",
)
RANK_RULES = ("idle-rank", "ranks-drift", "rank-losses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a script is watched and judged.

    Attributes:
        every: a close look at each so-manieth update.
        max_overhead: share of the script's time that looking may take.
        max_steps: updates of one model after which the script is ended; None for never.
        stop_on: least severity of a finding that ends the script, or `never`.
        select: prefixes of rule codes that are reported; all if empty.
        ignore: prefixes of rule codes that are not.
        thresholds: of rules, by code.
        fail_on: least severity that makes the exit code 1, or `never`.
        baseline: `(code, run, where, severity)` of findings that are known and do not count.
    """

    every: int = 10
    max_overhead: float = 0.03
    max_steps: int | None = None
    stop_on: str = "never"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    fail_on: str = "never"
    baseline: frozenset[tuple[str, str, str, str]] = frozenset()


class Terminated(BaseException):
    """SIGTERM came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the script ended: by itself or at the user's wish (`why`: the option) where `error` is None, else with what it raised.

    `torch` tells whether the script imported it.
    """

    observer: Observer
    error: BaseException | None
    complete: bool
    why: str
    seconds: float
    torch: bool


def run(
    script: Script,
    options: Options,
    show: Callable[[Observer], None] = lambda _: None,
    events: Events | None = None,
    place: Place | None = None,
) -> Ended:
    """Run the script to its end under an observer.

    Args:
        script: what to run.
        options: how it is watched.
        show: called with the observer after each update that was looked at closely.
        events: where it is told, line by line, what is seen and found.
        place: of this process among those that train together; None where it is alone.

    Raises:
        UserError: the script cannot be found or read, or a rule is not known.
    """
    observer = Observer(every=options.every, max_overhead=options.max_overhead, max_steps=options.max_steps)
    stopping = Stopping(place, options.every) if place is not None and options.stop_on != "never" else None
    verdicts = Verdicts(options, choose(options)) if options.stop_on != "never" or events is not None else None

    def heed(record: Record) -> None:
        show(observer)
        doomed = False
        if verdicts is not None:
            with observer.guard.look():
                findings = verdicts.judge(record)
                doomed = verdicts.is_doomed(findings)
                if events is not None:
                    events.step(record)
                    events.find(findings, record.steps)
        if doomed and stopping is not None:
            with observer.guard.look():
                stopping.announce(record.steps)
        elif doomed:
            raise Enough(f"--stop-on {options.stop_on}")

    def ask() -> None:
        assert stopping is not None
        if not observer.why and (wanted := stopping.ask()) is not None:
            update, rank = wanted
            observer.max_steps = update if observer.max_steps is None else min(update, observer.max_steps)
            observer.why = f"--stop-on {options.stop_on} (rank {rank})"

    observer.heed = heed
    observer.ask = ask if stopping is not None else None
    start = load(script)
    if events is not None:
        events.start(script, options)
    when_imported("torch", observer.install)
    began = time.perf_counter()
    error: BaseException | None = None
    complete, why = True, ""
    try:
        start()
    except Enough as ended:
        complete, why = False, str(ended)
    except BaseException as raised:  # whatever it is, the script's own end is told first
        error, complete = raised, isinstance(raised, SystemExit)
    finally:
        imported = "torch" in sys.modules
        observer.remove()
    return Ended(observer=observer, error=error, complete=complete, why=why, seconds=time.perf_counter() - began, torch=imported)


def judge(ended: Ended, options: Options, others: Sequence[Seen | None] = ()) -> Report:
    """What is wrong with what was seen.

    Args:
        ended: of this process.
        options: of the command.
        others: what the other ranks have seen, where this is rank 0 of several; None for one that was not heard of.

    Raises:
        UserError: a rule is not known.
    """
    from trainlab.watch._report import make_report
    from trainlab.watch._seen import look_back
    from trainlab.watch._shards import unite

    here = look_back(ended, 0 if others else None)
    return make_report(unite([here, *others]), *choose(options, together=bool(others)), options)


def choose(options: Options, *, together: bool = False) -> tuple[list[Rule], frozenset[str], list[Skipped]]:
    """The rules to judge by: see `trainlab.judging.choose_rules`.

    Args:
        options: of the command.
        together: several ranks train together.

    Raises:
        UserError: a rule is not known.
    """
    from trainlab.judging import choose_rules

    names = (*RULES, *RANK_RULES) if together else RULES
    return choose_rules(names, options.thresholds, select=options.select, ignore=options.ignore)


class _Callable(ModuleType):
    """This module, which `trainlab.watch(model)` calls."""

    def __call__(self, *only: Any, **settings: Any) -> watch:
        """See `trainlab.watch._context.watch`."""
        return watch(*only, **settings)


sys.modules[__name__].__class__ = _Callable
