"""The schedules in closed form."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from trainlab.config.schedule import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    OneCycleSchedule,
    PiecewiseSchedule,
    PlateauSchedule,
    PowerSchedule,
    Schedule,
    StepSchedule,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """When an update happens.

    Attributes:
        update: counted from 0.
        updates: planned in all.
        per_epoch: updates an epoch.
    """

    update: int
    updates: int
    per_epoch: int


def count_warmup(schedule: Schedule, per_epoch: int) -> int:
    """Updates before the schedule itself begins."""
    return schedule.warmup * (per_epoch if schedule.warmup_per == "epoch" else 1)


def find_factor(schedule: Schedule, clock: Clock) -> float:
    """What the rate is multiplied with at one update; for `plateau`, before any cut.

    A schedule's t is 0 at the first update after the warm-up. The warm-up rises in a straight line, from `warmup_start` times the
    factor at t = 0 up to that factor.
    """
    warmup = count_warmup(schedule, clock.per_epoch)
    if clock.update < warmup:
        begin = find_factor(schedule, replace(clock, update=warmup))
        return begin * (schedule.warmup_start + (1 - schedule.warmup_start) * clock.update / warmup)
    t, total = clock.update - warmup, clock.updates - warmup
    if not isinstance(schedule, PlateauSchedule) and schedule.per == "epoch":
        t, total = t // clock.per_epoch, math.ceil(total / clock.per_epoch)
    match schedule:
        case ConstantSchedule() | PlateauSchedule():
            factor = 1.0
        case PowerSchedule():
            factor = _raise(1 + t / schedule.scale, -schedule.exponent)
        case ExponentialSchedule():
            factor = _raise(schedule.gamma, t / schedule.scale)
        case PiecewiseSchedule():
            factor = schedule.values[bisect_right(schedule.boundaries, t)]
        case StepSchedule():
            factor = _raise(schedule.gamma, t // schedule.every)
        case CosineSchedule():
            factor = _turn(1.0, schedule.floor, t / max(schedule.horizon or total, 1))
        case OneCycleSchedule():
            factor = _cycle(schedule, t, schedule.horizon or total)
    return factor


def _raise(base: float, exponent: float) -> float:
    try:
        return float(base**exponent)
    except OverflowError:  # Python's own, where IEEE 754 has infinity
        return math.inf


def _turn(begin: float, end: float, share: float) -> float:
    """Along half a cosine from `begin` to `end`, and there it stays."""
    return end if share >= 1 else end + (begin - end) / 2 * (1 + math.cos(math.pi * share))


def _cycle(schedule: OneCycleSchedule, t: int, total: int) -> float:
    top = schedule.max_factor
    low = top / schedule.div_factor
    turn, last = schedule.pct_start * total - 1, total - 1
    if t <= turn:
        return _turn(low, top, t / turn if turn else 1.0)
    return _turn(top, low / schedule.final_div_factor, (t - turn) / (last - turn) if last > turn else 1.0)
