"""What makes new weights of a gradient, for every row of a stack: clip limits, rates, the optimizer's memory, constraints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from trainlab import clipping, optimizers, schedules
from trainlab.config.optimizer import PythonOptimizer
from trainlab.config.training import ClipBy
from trainlab.engine._regularizing import Regularizing
from trainlab.engine._weights import lay_out, split_rows
from trainlab.engine._work import Work
from trainlab.numerics import norm_rows


class Optimizing:
    """Numbers and memory, one row a run.

    Attributes:
        takes_pieces: whether runs that train one by one can be moved parameter by parameter.
        clips: whether any row has a limit.
    """

    def __init__(self, works: Sequence[Work], regularizing: Regularizing, flat: Tensor) -> None:
        """Before the first update of `flat` `[row, total]`, with one of `works` a row."""
        specs = [work.config.optimizer for work in works]
        self._work, self._regularizing = works[0], regularizing
        self._family = optimizers.name_family(specs[0])
        self._like = flat.new_empty(0)
        self._step, self._state, self._columns = optimizers.start(
            specs, flat, works[0].layout, [work.config.seed for work in works]
        )
        self._scales = optimizers.find_scales(specs, works[0].layout, flat)
        self._is_own = isinstance(specs[0], PythonOptimizer)
        self._is_scaled = works[0].config.train.precision == "fp16"
        if self._is_scaled:  # which updates a run skips is its own affair
            self._state = replace(self._state, updates=torch.zeros_like(flat[:, :1]))
        self._pace = schedules.start(
            [work.config.schedule for work in works],
            [spec.lr for spec in specs],
            flat,
            per_epoch=works[0].updates_per_epoch,
        )
        self._limits = {mode: _limit([work.config.clip for work in works], mode, flat) for mode in ("value", "norm")}
        self._rates: Tensor | None = None
        self._settings: list[optimizers.Settings] = []

    @property
    def takes_pieces(self) -> bool:
        """See the class: the state before a step may be needed again, and each parameter by itself takes one rate a run."""
        return self._like.is_cpu and self._scales is None and not self._is_scaled and not self._is_own

    @property
    def clips(self) -> bool:
        """See the class."""
        return any(each is not None for each in self._limits.values())

    @property
    def state(self) -> optimizers.State:
        """What the optimizer remembers."""
        return self._state

    def find_rates(self, update: int) -> Tensor:
        """`[row]` rates of an update, float64; those of the step that follows."""
        work = self._work
        rates = self._pace.find_rates(schedules.Clock(update=update - 1, updates=work.updates, per_epoch=work.updates_per_epoch))
        if rates is not self._rates:  # a steady pace has the same ones every time
            self._rates, column = rates, rates.to(self._like)[:, None]
            self._columns["lr"] = column if self._scales is None else column * self._scales
            self._settings = [{**own, "lr": rate} for own, (rate,) in zip(self._settings, column.tolist(), strict=False)]
        return rates

    def clip(self, gradient: Tensor) -> Tensor:
        """`[row, total]`, each row to its limits."""
        value, norm = self._limits["value"], self._limits["norm"]
        if value is not None:
            gradient = clipping.clip_by_value(gradient, value)
        if norm is not None:
            gradient = clipping.clip_by_norm(gradient, norm_rows(gradient)[:, None], norm)
        return gradient

    def step(self, runs: list[int], before: Tensor, used: Tensor) -> Tensor:
        """The new weights of the runs, one a row, `[row, total]`."""
        after, self._state = self._step(before, used, self._state, self._columns)
        return self._regularizing.constrain(runs, after, self._state, self._columns)

    def step_apart(
        self, runs: list[int], parameters: optimizers.Pieces, slopes: optimizers.Pieces
    ) -> tuple[list[list[Tensor]], list[float]]:
        """The same with every parameter by itself; also the sum of those of each run, see `trainlab.optimizers.step_apart`."""
        self._settings = self._settings or optimizers.read_settings(self._columns)
        after, totals, self._state = optimizers.step_apart(
            self._family, parameters, slopes, self._state, self._columns, self._settings
        )
        if self._regularizing.constrains:
            flat = self._regularizing.constrain(runs, lay_out(after), self._state, self._columns)
            after, totals = split_rows(flat, self._work.layout), flat.sum(dim=1).tolist()
        return after, totals

    def hold(self, skipped: Tensor, state: optimizers.State) -> None:
        """Where `skipped`, bool `[row, 1]`, remember what `state` does."""
        self._state = self._state.hold(skipped, state)

    def observe(self, watched: Tensor, update: int) -> None:
        """After an epoch that has ended with that update: `[row]` the loss that plateaus are told by."""
        self._pace = self._pace.observe(watched, update)

    def select(self, index: Tensor) -> None:
        """Go on with the rows at `index` only."""
        on_device = index.to(self._like.device)
        self._state, self._pace = self._state.select(index), self._pace.select(index)
        self._columns = {name: each[index.to(each.device)] for name, each in self._columns.items()}
        self._scales = None if self._scales is None else self._scales[on_device]
        self._limits = {mode: None if each is None else each[on_device] for mode, each in self._limits.items()}
        self._rates, self._settings = None, []


def _limit(clips: Sequence[object], mode: str, like: Tensor) -> Tensor | None:
    """Thresholds `[row, 1]`, infinite for runs that do not clip this way; None if none does."""
    thresholds = [clip.threshold if isinstance(clip, ClipBy) and clip.mode == mode else math.inf for clip in clips]
    return None if all(map(math.isinf, thresholds)) else torch.tensor(thresholds, dtype=torch.float64).to(like)[:, None]
