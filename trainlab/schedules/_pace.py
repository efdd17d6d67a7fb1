"""The rates of many runs side by side, each with a schedule of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from trainlab.config.schedule import ConstantSchedule, PlateauSchedule, Schedule
from trainlab.schedules._factors import Clock, count_warmup, find_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plateaus:
    """Settings and memory of the plateau schedules, `[run]` each, float64; runs with another schedule have endless patience.

    Attributes:
        patience, threshold, factor, floor: see the config.
        warmup: updates before the schedule begins.
        best: lowest loss so far.
        waited: epochs since it made progress.
        cut: what the rate is multiplied with by now.
    """

    patience: Tensor
    threshold: Tensor
    factor: Tensor
    floor: Tensor
    warmup: Tensor
    best: Tensor
    waited: Tensor
    cut: Tensor

    def observe(self, loss: Tensor, updates: int) -> _Plateaus:
        counts = self.warmup < updates
        progress = counts & (loss < self.best - self.threshold * self.best.abs())
        waited = torch.where(progress, 0.0, self.waited + counts)
        due = waited >= self.patience
        return replace(
            self,
            best=torch.where(progress, loss, self.best),
            waited=torch.where(due, 0.0, waited),
            cut=torch.where(due, torch.maximum(self.cut * self.factor, self.floor), self.cut),
        )

    def select(self, index: Tensor) -> _Plateaus:
        return replace(self, **{each.name: getattr(self, each.name)[index] for each in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The rates and schedules of runs that train in step.

    Attributes:
        rates: `[run]` rates before any schedule; float64, on the device of the parameters where it has that, else on the CPU.
        distinct: the schedules that occur.
        which: `[run]` the place in `distinct` of each run's.
        plateaus: what the plateau schedules remember; None if there are none.
        is_steady: no rate ever changes.
    """

    rates: Tensor
    distinct: tuple[Schedule, ...]
    which: Tensor
    plateaus: _Plateaus | None
    is_steady: bool

    def find_rates(self, clock: Clock) -> Tensor:
        """`[run]` rates of one update, float64."""
        if self.is_steady:
            return self.rates
        factors = torch.tensor([find_factor(each, clock) for each in self.distinct], dtype=torch.float64)
        rates = self.rates * factors.to(self.rates.device)[self.which]
        return rates if self.plateaus is None else rates * self.plateaus.cut

    def observe(self, loss: Tensor, updates: int) -> Pace:
        """After an epoch.

        Args:
            loss: `[run]` what the plateau schedules watch.
            updates: done so far; an epoch that ends within a run's warm-up does not count for it.
        """
        if self.plateaus is None:
            return self
        return replace(self, plateaus=self.plateaus.observe(loss.to(self.rates), updates))

    def select(self, index: Tensor) -> Pace:
        """A copy of the runs at `index`."""
        index = index.to(self.rates.device)
        plateaus = self.plateaus and self.plateaus.select(index)
        return replace(self, rates=self.rates[index], which=self.which[index], plateaus=plateaus)


def start(schedules: Sequence[Schedule], rates: Sequence[float], like: Tensor, *, per_epoch: int) -> Pace:
    """Before the first update.

    Args:
        schedules: one `schedule` section a run.
        rates: before any schedule, one a run.
        like: the parameters, for their device.
        per_epoch: updates an epoch.
    """
    device = torch.device("cpu") if like.device.type == "mps" else like.device
    distinct = tuple(dict.fromkeys(schedules))
    places = {each: place for place, each in enumerate(distinct)}
    return Pace(
        rates=torch.tensor(rates, dtype=torch.float64, device=device),
        distinct=distinct,
        which=torch.tensor([places[each] for each in schedules], device=device),
        plateaus=_start_plateaus(schedules, device, per_epoch),
        is_steady=all(isinstance(each, ConstantSchedule) and not each.warmup for each in distinct),
    )


def _start_plateaus(schedules: Sequence[Schedule], device: torch.device, per_epoch: int) -> _Plateaus | None:
    if not any(isinstance(each, PlateauSchedule) for each in schedules):
        return None

    def column(read: Callable[[PlateauSchedule], float], otherwise: float) -> Tensor:
        values = [read(each) if isinstance(each, PlateauSchedule) else otherwise for each in schedules]
        return torch.tensor(values, dtype=torch.float64, device=device)

    return _Plateaus(
        patience=column(lambda each: each.patience, math.inf),
        threshold=column(lambda each: each.threshold, 0.0),
        factor=column(lambda each: each.factor, 1.0),
        floor=column(lambda each: each.floor, 0.0),
        warmup=column(lambda each: count_warmup(each, per_epoch), 0.0),
        best=column(lambda _: torch.finfo(torch.float64).max, 0.0),
        waited=column(lambda _: 0.0, 0.0),
        cut=column(lambda _: 1.0, 1.0),
    )
