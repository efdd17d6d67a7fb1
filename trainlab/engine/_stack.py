"""The runs that train together: their weights, optimizer memory and clip limits as rows; runs leave as they end."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trainlab import clipping, optimizers, schedules
from trainlab.config.training import ClipBy, PythonOptimizer
from trainlab.engine._alone import OneByOne
from trainlab.engine._autopsy import find_nonfinite
from trainlab.engine._precision import BACKOFF, HOPELESS, SMALLEST, Scaling, start_scaling
from trainlab.engine._programs import Program
from trainlab.engine._random import RandomState
from trainlab.engine._regularizing import Regularizing
from trainlab.engine._rows import PADDING, Rows
from trainlab.engine._stopping import start_stopping
from trainlab.engine._weights import Apart, Weights, lay_out, split_rows, stack_networks, take_apart
from trainlab.engine._work import Work
from trainlab.numerics import norm_rows
from trainlab.report import LossScaling, NonFinite
from trainlab.step import Batch, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class _Update:
    """What is kept of the latest update until the next.

    Attributes:
        number: counted from 1.
        batch: the last of its batches, without noise.
        masks: of that, by name, see Streams.
        random: the global streams before that, one state a row.
        loss: `[row]`.
        total: `[row]` finite only if all new weights are.
        raw: `[row, total]` gradient, and after clipping `used`; None if nobody looks at them.
        used: see raw.
        find_raw: the gradient all the same.
    """

    number: int
    batch: Batch
    masks: dict[str, Tensor]
    random: tuple[RandomState, ...]
    loss: Tensor
    total: Tensor
    raw: Tensor | None
    used: Tensor | None
    find_raw: Callable[[], Tensor]


class Stack:
    """Runs of one structure, still training or ended.

    Attributes:
        rows: the run in each row, PADDING for a row that only fills up, so that a run's bits do not depend on how many there are.
            Replaced, never changed.
        final: weights of each ended run, one row each.
        last: `[1, total]` parameters that the last gradient before `final` was taken at.
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
        own = [works[run] for run in self.runs]
        weights = stack_networks([work.model for work in own], [work.config.seed for work in own])
        flat = weights.flat
        self._like = flat.new_empty(0)
        self._step, self._state, self._columns = optimizers.start(
            [work.config.optimizer for work in own], flat, works[0].layout, [work.config.seed for work in own]
        )
        self._scales = optimizers.find_scales([work.config.optimizer for work in own], works[0].layout, flat)
        self._scaling: Scaling | None = None
        self._spared: set[int] = set()  # positions that no scale saved at the latest update, and that go on
        self._hopeless: set[int] = set()
        if works[0].config.train.precision == "fp16":
            self._scaling = start_scaling(len(self.rows), flat.device)
            # Which updates a run skips is its own affair
            self._state = replace(self._state, updates=torch.zeros_like(flat[:, :1]))
        self._pace = schedules.start(
            [work.config.schedule for work in own],
            [work.config.optimizer.lr for work in own],
            flat,
            per_epoch=works[0].updates_per_epoch,
        )
        self._limits = {mode: _limit([work.config.clip for work in own], mode, flat) for mode in ("value", "norm")}
        self.final: list[Weights | None] = [None] * len(works)
        self.fatal: list[NonFinite | None] = [None] * len(works)
        self.last: list[Tensor | None] = [None] * len(works)
        self.updates = [0] * len(works)
        self.best_epochs: list[int | None] = [None] * len(works)
        self.stopped: list[int | None] = [None] * len(works)
        self._stopping = start_stopping([work.config.train.early_stopping for work in own], weights)
        self.scalings: list[LossScaling | None] = [None] * len(works)
        self._held: Weights | Apart = weights
        self._before: Weights | Apart = weights  # the latest update
        self._latest: _Update | None = None
        self._is_own = isinstance(works[0].config.optimizer, PythonOptimizer)
        self._family = optimizers.name_family(works[0].config.optimizer)
        self._regularizing = Regularizing(works, flat)
        self.begin_epoch()

    @property
    def runs(self) -> list[int]:
        """The run whose data each row sees; padding repeats its neighbour."""
        return [run if run != PADDING else self.rows[0] for run in self.rows]

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
        return _join(self._held)

    @property
    def before(self) -> Tensor:
        """`[row, total]` parameters that the last gradient was taken at."""
        return _join(self._before).flat

    def end_epoch(self, watched: Tensor, epoch: int, update: int) -> None:
        """Let schedules and early stopping see what an epoch came to; runs that have waited too long for progress are closed.

        Args:
            watched: `[row]` loss on the validation part; without one, in training.
            epoch: counted from 1.
            update: its last one.
        """
        self._pace = self._pace.observe(watched, update)
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
        rate = self._pace.find_rates(self._clock(update))
        rates = rate.to(self._like)[:, None]
        columns = {**self._columns, "lr": rates if self._scales is None else rates * self._scales}
        # Under a loss scale the state before the step may be needed again; each tensor by itself takes one rate a run
        is_simple = self._scaling is None and self._scales is None and not self._is_own
        if isinstance(program, OneByOne) and is_simple and self._like.is_cpu:
            latest = self._advance_apart(program, batches, update, columns)
        else:
            latest = self._advance_together(program, batches, update, columns)
        self._latest = latest
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

    def _advance_together(self, program: Program, batches: Sequence[Batch], update: int, columns: optimizers.Columns) -> _Update:
        self._before = weights = self.weights
        before = weights.flat
        samples = [batch.inputs.shape[1] for batch in batches]
        scale = None if self._scaling is None else self._scaling.scale
        losses, gradients, drawn = [], [], []
        random = weights.random
        masks: dict[str, Tensor] = {}
        for batch in batches:
            random = weights.random
            masks, noise, given = self._regularizing.draw(self.runs, batch, lambda: before)
            noisy = replace(weights, flat=before if noise is None else before + noise, fixed=weights.fixed | masks)
            drawn.append((noisy, given))
            loss, gradient, moved = self._backpropagate(program, noisy, given, range(len(self.rows)), scale)
            weights = replace(weights, random=moved.random)
            losses.append(loss)
            gradients.append(gradient)
        loss, raw = sum_weighted(losses, samples), sum_weighted(gradients, samples)
        skipped = None
        if scale is not None:
            raw = raw / scale[:, None]
            skipped = ~torch.isfinite(raw).all(dim=1)
            raw = self._see_skipped(program, drawn, raw, skipped & torch.isfinite(loss), scale)
        used = self._clip(raw)
        held = self._state
        if self._is_own:
            after, self._state = self._step(before, used, held, columns)
        else:
            after, self._state = optimizers.step_in_blocks(self._step, before, used, held, columns)
        after = self._regularizing.constrain(self.runs, after, self._state, columns)
        told = loss
        if self._scaling is not None and skipped is not None:
            after, self._state = torch.where(skipped[:, None], before, after), self._state.hold(skipped[:, None], held)
            missed = self._follow(self._scaling, skipped, raw, loss)
            told, self._missed = torch.where(missed, 0.0, loss), self._missed + missed * sum(samples)
        self._held = replace(weights, flat=after)
        self._loss, self.seen = self._loss + told * sum(samples), self.seen + sum(samples)
        return _Update(
            number=update,
            batch=batches[-1],
            masks=masks,
            random=random,
            loss=loss,
            total=after.sum(dim=1),
            raw=raw,
            used=used,
            find_raw=lambda: raw,
        )

    def _advance_apart(self, program: OneByOne, batches: Sequence[Batch], update: int, columns: optimizers.Columns) -> _Update:
        """The same where no row is beside another: gradients are taken as they lie, and become the new weights.

        They are copied only where somebody looks on, or where a run is clipped or constrained as a whole.
        """
        layout = self.works[0].layout
        weights = take_apart(self._held, layout) if isinstance(self._held, Weights) else self._held
        self._before = before = weights
        samples = [batch.inputs.shape[1] for batch in batches]
        losses, gradients, drawn = [], [], []
        random = weights.random
        masks: dict[str, Tensor] = {}
        for batch in batches:
            random = weights.random
            masks, noise, given = self._regularizing.draw(self.runs, batch, lambda: lay_out(before.parameters))
            noisy = replace(weights, fixed=weights.fixed | masks)
            if noise is not None:
                noisy = replace(noisy, parameters=split_rows(lay_out(weights.parameters) + noise, layout))
            given = self._regularizing.attack(self.runs, given, functools.partial(program.input_gradient, noisy, given))
            drawn.append((noisy, given))
            loss, gradient, moved = program.differentiate(noisy, given)
            weights = replace(weights, random=moved)
            losses.append(loss)
            gradients.append(gradient)
        slopes, raw, used = gradients[0], None, None
        is_seen, is_whole = self._is_seen(update), len(batches) > 1 or any(each is not None for each in self._limits.values())
        if is_seen or is_whole:
            raw = sum_weighted([lay_out(each) for each in gradients], samples)
            used = self._clip(raw)
        if used is not None and is_whole:
            slopes = split_rows(used.clone() if is_seen else used, layout)
        gradients.clear()
        after, totals, self._state = optimizers.step_apart(self._family, before.parameters, slopes, self._state, columns)
        total = self._like.new_tensor(totals)
        if self._regularizing.constrains:
            flat = self._regularizing.constrain(self.runs, lay_out(after), self._state, columns)
            after, total = split_rows(flat, layout), flat.sum(dim=1)
        loss = sum_weighted(losses, samples)
        self._held = replace(weights, parameters=after)
        self._loss, self.seen = self._loss + loss * sum(samples), self.seen + sum(samples)

        def find_raw() -> Tensor:
            """Once more, for who asks afterwards; running statistics must not see the samples twice."""
            still = [
                (replace(noisy, fixed={name: each.clone() for name, each in noisy.fixed.items()}), own) for noisy, own in drawn
            ]
            return sum_weighted([lay_out(program.differentiate(noisy, own)[1]) for noisy, own in still], samples)

        return _Update(
            number=update,
            batch=batches[-1],
            masks=masks,
            random=random,
            loss=loss,
            total=total,
            raw=raw if is_seen else None,
            used=used if is_seen else None,
            find_raw=find_raw,
        )

    def _clock(self, update: int) -> schedules.Clock:
        work = self.works[0]
        return schedules.Clock(update=update - 1, updates=work.updates, per_epoch=work.updates_per_epoch)

    def _see_skipped(
        self, program: Program, drawn: Sequence[tuple[Weights, Batch]], raw: Tensor, wanted: Tensor, scale: Tensor
    ) -> Tensor:
        """The gradient `[row, total]`; that of the rows `wanted`, which has overflowed, under the largest scale that holds it.

        For whoever looks on, no update is made of it. A row that no scale saves stays as it is.
        """
        seen = raw
        while True:
            scale = scale * BACKOFF
            wanted = wanted & (scale >= SMALLEST)
            rows = _list_true(wanted)
            if not rows:
                return seen
            found = []
            for weights, batch in drawn:
                part = Batch(
                    inputs=batch.inputs[rows],
                    target=None if batch.target is None else batch.target[rows],
                    soft=None if batch.soft is None else batch.soft[rows],
                )
                found.append(self._backpropagate(program, weights.select(rows), part, rows, scale[rows])[1])
            gradient = found[0] if len(found) == 1 else sum_weighted(found, [batch.inputs.shape[1] for _, batch in drawn])
            again = seen.clone()
            again[rows] = gradient / scale[rows, None]
            seen, wanted = again, wanted & ~torch.isfinite(again).all(dim=1)

    def _follow(self, scaling: Scaling, skipped: Tensor, raw: Tensor, loss: Tensor) -> Tensor:
        """Move the loss scale; bool `[row]`: losses that are no numbers and that their runs get over."""
        lost = skipped & ~torch.isfinite(raw).all(dim=1)
        self._scaling = scaling = scaling.follow(skipped, lost)
        hopeless = scaling.lost >= min(HOPELESS, self.works[0].updates)
        self._hopeless, self._spared = set(_list_true(hopeless)), set(_list_true(lost & ~hopeless))
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

    def _backpropagate(
        self, program: Program, noisy: Weights, batch: Batch, rows: Sequence[int], scale: Tensor | None
    ) -> tuple[Tensor, Tensor, Weights]:
        """See `Program.loss_and_gradient`; of some rows, on the samples that the adversary makes of theirs."""
        runs = self.runs  # made anew each time it is asked for
        attacked = self._regularizing.attack(
            [runs[row] for row in rows], batch, lambda: program.input_gradient(noisy, batch, scale)
        )
        return program.loss_and_gradient(noisy, attacked, scale)

    def _clip(self, gradient: Tensor) -> Tensor:
        value, norm = self._limits["value"], self._limits["norm"]
        if value is not None:
            gradient = clipping.clip_by_value(gradient, value)
        if norm is not None:
            gradient = clipping.clip_by_norm(gradient, norm_rows(gradient)[:, None], norm)
        return gradient

    def only(self, positions: Sequence[int]) -> list[int]:
        """The rows, all but those at `positions` made padding."""
        return [run if position in positions else PADDING for position, run in enumerate(self.rows)]

    def find_ended(self) -> list[int]:
        """Positions whose runs the latest update has ended. One look, at one number a run."""
        latest = self._latest
        assert latest is not None
        if bool(torch.isfinite(latest.loss + latest.total).all()):
            return self._confirm([])
        bad = ~(torch.isfinite(latest.loss) & torch.isfinite(self.weights.flat).all(dim=1))  # a sum may overflow without any NaN
        return self._confirm(_list_true(bad))

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
        self.final[run], self.last[run] = _join(self._held.select([position])), _join(self._before.select([position])).flat
        if self._stopping is not None and self._stopping.keeps_best(position):
            self.final[run] = self._stopping.weights.select([position])
            self.last[run] = self._stopping.before[position : position + 1].clone()
            self.best_epochs[run] = int(self._stopping.epoch[position])

    def _examine(self, position: int, latest: _Update, raw: Tensor, before: Tensor, after: Tensor) -> NonFinite:
        """Why the run at `position` has ended; the last three are rows of their own, `[total]`."""
        work = self.works[self.rows[position]]
        parameters = {name: each.squeeze(0) for name, each in work.layout.unflatten(before[None]).items()}
        return find_nonfinite(
            work.model,
            {**parameters, **{name: each[position] for name, each in (self._held.fixed | latest.masks).items()}},
            Batch(inputs=latest.batch.inputs[position], target=None),
            latest.random[position],
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
        self._state, self._pace = self._state.select(index), self._pace.select(index)
        self._stopping = self._stopping and self._stopping.select(positions)
        self._columns = {name: each[index.to(each.device)] for name, each in self._columns.items()}
        self._scales = None if self._scales is None else self._scales[on_device]
        self._limits = {mode: None if each is None else each[on_device] for mode, each in self._limits.items()}


def _join(held: Weights | Apart) -> Weights:
    return held.join() if isinstance(held, Apart) else held


def sum_weighted(parts: Sequence[Tensor], samples: Sequence[int]) -> Tensor:
    """The mean over all samples of what is a mean over each batch."""
    if len(parts) == 1:
        return parts[0]
    total = parts[0] * (samples[0] / sum(samples))
    for part, size in zip(parts[1:], samples[1:], strict=True):
        total = total + part * (size / sum(samples))
    return total


def _list_true(rows: Tensor) -> list[int]:
    return [int(row) for row in rows.nonzero()[:, 0]]


def _limit(clips: Sequence[object], mode: str, like: Tensor) -> Tensor | None:
    """Thresholds `[row, 1]`, infinite for runs that do not clip this way; None if none does."""
    thresholds = [clip.threshold if isinstance(clip, ClipBy) and clip.mode == mode else math.inf for clip in clips]
    return None if all(map(math.isinf, thresholds)) else torch.tensor(thresholds, dtype=torch.float64).to(like)[:, None]
