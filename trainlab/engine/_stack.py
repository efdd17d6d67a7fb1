"""The runs that train together: one row each; runs leave as they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from trainlab.engine._alone import OneByOne
from trainlab.engine._autopsy import find_nonfinite
from trainlab.engine._optimizing import Optimizing
from trainlab.engine._precision import HOPELESS, Scaling, start_scaling
from trainlab.engine._programs import Program
from trainlab.engine._regularizing import Regularizing
from trainlab.engine._rows import PADDING, Rows
from trainlab.engine._stopping import start_stopping
from trainlab.engine._updates import Update, advance_apart, advance_together, list_true
from trainlab.engine._weights import Apart, Weights, stack_networks
from trainlab.engine._work import Work
from trainlab.report import LossScaling, NonFinite
from trainlab.step import Batch, Step


class Stack:
    """Runs of one structure, still training or ended.

    Attributes:
        rows: the run in each row, PADDING for a row that only fills up, so that a run's bits do not depend on how many there are.
            Replaced, never changed.
        runs: the run whose data each row sees; padding repeats its neighbour.
        final: weights of each ended run, one row each.
        last: likewise, those that the last gradient before `final` was taken at.
        fatal: where it left the finite numbers, if it did.
        updates: how many updates each ended run has had.
        best_epochs: the epoch whose weights an ended run has, if it went back to those of its best; else None.
        stopped: the epoch after which it was stopped for want of a better one, or None.
        scalings: what became of the loss scale of each ended run, if it had one.
        seen: samples since the epoch began.
    """

    def __init__(self, works: Sequence[Work], room: Rows, is_seen: Callable[[int], bool]) -> None:
        """Before the first update.

        Args:
            works: the runs.
            room: see `trainlab.engine._ways.Way`.
            is_seen: whether somebody looks at the update of that number.
        """
        self.works, self._room, self._is_seen = works, room, is_seen
        self.rows = room.pad(list(range(len(works))))
        self.runs = _fill(self.rows)
        own = [works[run] for run in self.runs]
        weights = stack_networks([work.model for work in own], [work.config.seed for work in own])
        self._like = weights.flat.new_empty(0)
        self._regularizing = Regularizing(works, self._like)
        self._optimizing = Optimizing(own, self._regularizing, weights.flat)
        self._scaling: Scaling | None = None
        self._spared: set[int] = set()  # positions that no scale saved at the latest update, and that go on
        self._hopeless: set[int] = set()
        if works[0].config.train.precision == "fp16":
            self._scaling = start_scaling(len(self.rows), self._like.device)
        self.final: list[Weights | Apart | None] = [None] * len(works)
        self.fatal: list[NonFinite | None] = [None] * len(works)
        self.last: list[Weights | Apart | None] = [None] * len(works)
        self.updates = [0] * len(works)
        self.best_epochs: list[int | None] = [None] * len(works)
        self.stopped: list[int | None] = [None] * len(works)
        self._stopping = start_stopping([work.config.train.early_stopping for work in own], weights)
        self.scalings: list[LossScaling | None] = [None] * len(works)
        self._held: Weights | Apart = weights
        self._before: Weights | Apart = weights  # the latest update
        self._latest: Update | None = None
        self.begin_epoch()

    @property
    def epoch_loss(self) -> Tensor:
        """`[row]` mean loss of the samples since the epoch began, without those that a run under a loss scale got over."""
        return self._loss / (self.seen - self._missed)

    def begin_epoch(self) -> None:
        """Start the mean loss anew."""
        self._loss = self._like.new_zeros(len(self.rows))
        self.seen = 0
        self._missed: Tensor | int = 0  # samples `[row]`

    @property
    def weights(self) -> Weights:
        """As they stand; a copy where the runs train one by one."""
        return self._held.join()

    @property
    def before(self) -> Tensor:
        """`[row, total]` parameters that the last gradient was taken at."""
        return self._before.flat

    def end_epoch(self, watched: Tensor, epoch: int, update: int) -> None:
        """Let schedules and early stopping see what an epoch came to; runs that have waited too long for progress are closed.

        Args:
            watched: `[row]` loss on the validation part; without one, in training.
            epoch: counted from 1.
            update: its last one.
        """
        self._optimizing.observe(watched, update)
        if self._stopping is None:
            return
        self._stopping = self._stopping.observe(watched, epoch, self.weights, self.before)
        due = self._stopping.due
        for position in due:
            if self.rows[position] != PADDING:
                self.stopped[self.rows[position]] = epoch
                self._close(position, update, None)
        if due:
            self._remove(due)

    def advance(self, program: Program, batches: Sequence[Batch], update: int) -> Step | None:
        """One update of every row, on the mean gradient of some batches; None if nobody looks at it."""
        self._latest = None  # the next gradients get its memory
        self._before = self._held
        rate, scaling = self._optimizing.find_rates(update), self._scaling
        given = (batches, update, self.runs, self._optimizing, self._regularizing)
        if isinstance(program, OneByOne) and self._optimizing.takes_pieces:
            latest = advance_apart(program, self._held, *given, is_seen=self._is_seen(update))
        else:
            latest = advance_together(program, self.weights, *given, None if scaling is None else scaling.scale)
        self._latest, self._held, told = latest, latest.after, latest.loss
        if scaling is not None and latest.skipped is not None and latest.raw is not None:
            missed = self._follow(scaling, latest.skipped, latest.raw, latest.loss)
            told, self._missed = torch.where(missed, 0.0, told), self._missed + missed * latest.samples
        self._loss, self.seen = self._loss + told * latest.samples, self.seen + latest.samples
        if latest.raw is None or latest.used is None:
            return None
        return Step(
            update=update,
            layout=self.works[0].layout,
            before=self.before,
            raw=latest.raw,
            used=latest.used,
            after=self.weights.flat,
            loss=latest.loss,
            rate=rate,
        )

    def _follow(self, scaling: Scaling, skipped: Tensor, raw: Tensor, loss: Tensor) -> Tensor:
        """Move the loss scale; bool `[row]`: losses that are no numbers and that their runs get over."""
        lost = skipped & ~torch.isfinite(raw).all(dim=1)
        self._scaling = scaling = scaling.follow(skipped, lost)
        hopeless = scaling.lost >= min(HOPELESS, self.works[0].updates)
        self._hopeless, self._spared = set(list_true(hopeless)), set(list_true(lost & ~hopeless))
        return lost & ~hopeless & ~torch.isfinite(loss)

    @property
    def measured(self) -> list[int]:
        """The rows whose latest update can be measured: all but those that no loss scale saved this time."""
        if not self._spared:
            return self.rows
        return [PADDING if position in self._spared else run for position, run in enumerate(self.rows)]

    def _confirm(self, broken: Sequence[int]) -> list[int]:
        """Of the positions that an update has broken, those whose runs end there: under a loss scale, when no hope is left."""
        return sorted({position for position in broken if position not in self._spared} | self._hopeless)

    def only(self, positions: Sequence[int]) -> list[int]:
        """The rows, all but those at `positions` made padding."""
        return [run if position in positions else PADDING for position, run in enumerate(self.rows)]

    def find_ended(self) -> list[int]:
        """Positions whose runs the latest update has ended."""
        latest = self._latest
        assert latest is not None
        if latest.is_finite:
            return self._confirm([])
        bad = ~(torch.isfinite(latest.loss) & torch.isfinite(self.weights.flat).all(dim=1))  # a sum may overflow without any NaN
        return self._confirm(list_true(bad))

    def end(self, positions: Sequence[int]) -> None:
        """Take the runs at `positions`, which the latest update has ended, out of the stack: they cost nothing from here on."""
        latest = self._latest
        assert latest is not None
        raw, before, after = latest.find_raw(), self.before, self.weights.flat
        for position in positions:
            if self.rows[position] != PADDING:
                self._close(
                    position, latest.number, self._examine(position, latest, raw[position], before[position], after[position])
                )
        self._remove(positions)

    def _remove(self, positions: Sequence[int]) -> None:
        alive = [position for position, run in enumerate(self.rows) if run != PADDING and position not in positions]
        self.rows = self._room.pad([self.rows[position] for position in alive])
        self.runs = _fill(self.rows)
        if alive:
            self._select(alive + alive[:1] * (len(self.rows) - len(alive)))

    def finish(self, update: int) -> None:
        """Close the runs that are still training."""
        for position, run in enumerate(self.rows):
            if run != PADDING:
                self._close(position, update, None)
        self.rows = []

    def _close(self, position: int, update: int, fatal: NonFinite | None) -> None:
        run = self.rows[position]
        self.updates[run], self.fatal[run] = update, fatal
        if self._scaling is not None:
            skipped, scale = int(self._scaling.skipped[position]), float(self._scaling.scale[position])
            self.scalings[run] = LossScaling(skipped=skipped, scale=scale)
        self.final[run], self.last[run] = self._held.select([position]), self._before.select([position])
        if self._stopping is not None and self._stopping.keeps_best(position):
            best = self._stopping.weights.select([position])
            self.final[run], self.last[run] = best, replace(best, flat=self._stopping.before[position : position + 1].clone())
            self.best_epochs[run] = int(self._stopping.epoch[position])

    def _examine(self, position: int, latest: Update, raw: Tensor, before: Tensor, after: Tensor) -> NonFinite:
        """Why the run at `position` has ended; the last three are rows of their own, `[total]`."""
        work = self.works[self.rows[position]]
        parameters = {name: each.squeeze(0) for name, each in work.layout.unflatten(before[None]).items()}
        return find_nonfinite(
            work.model,
            {**parameters, **{name: each[position] for name, each in latest.at.fixed.items()}},
            Batch(inputs=latest.batch.inputs[position], target=None),
            latest.at.random[position],
            update=latest.number - (0 if self._scaling is None else max(int(self._scaling.lost[position]) - 1, 0)),
            loss=latest.loss[position],
            raw=raw,
            after=after,
            layout=work.layout,
            precision=work.config.train.precision,
        )

    def _select(self, positions: list[int]) -> None:
        index = torch.tensor(positions)
        on_device = index.to(self._like.device)
        self._held, self._before, self._latest = self._held.select(positions), self._before.select(positions), None
        self._loss = self._loss[on_device]
        if self._scaling is not None:
            self._scaling = self._scaling.select(on_device)
            self._missed = self._missed[on_device] if isinstance(self._missed, Tensor) else self._missed
        self._optimizing.select(index)
        self._stopping = self._stopping and self._stopping.select(positions)


def _fill(rows: Sequence[int]) -> list[int]:
    return [run if run != PADDING else rows[0] for run in rows]
