"""The runs that train together: their weights, optimizer memory and clip limits as rows; runs leave as they end."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from trainlab import clipping, optimizers, schedules
from trainlab.config.regularize import Regularize
from trainlab.config.training import ClipBy, PythonOptimizer
from trainlab.engine._autopsy import find_nonfinite
from trainlab.engine._precision import BACKOFF, HOPELESS, SMALLEST, Scaling, start_scaling
from trainlab.engine._programs import OneByOne, Program, Weights, stack_networks
from trainlab.engine._rows import PADDING, Rows
from trainlab.engine._stopping import start_stopping
from trainlab.engine._streams import Streams, find_dropouts
from trainlab.engine._work import Work
from trainlab.numerics import norm_rows
from trainlab.regularizers import limit_norms, shrink, smooth
from trainlab.report import LossScaling, NonFinite
from trainlab.step import Batch, Step


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

    def __init__(self, works: Sequence[Work], room: Rows) -> None:
        self.works, self._room = works, room
        self.rows = room.pad(list(range(len(works))))
        own = [works[run] for run in self.runs]
        self.weights = stack_networks([work.model for work in own], [work.config.seed for work in own])
        self._step, self._state, self._columns = optimizers.start(
            [work.config.optimizer for work in own], self.weights.flat, works[0].layout, [work.config.seed for work in own]
        )
        self._scales = optimizers.find_scales([work.config.optimizer for work in own], works[0].layout, self.weights.flat)
        self._scaling: Scaling | None = None
        self._spared: set[int] = set()  # positions that no scale saved at the latest update, and that go on
        self._hopeless: set[int] = set()
        if works[0].config.train.precision == "fp16":
            self._scaling = start_scaling(len(self.rows), self.weights.flat.device)
            # Which updates a run skips is its own affair
            self._state = replace(self._state, updates=torch.zeros_like(self.weights.flat[:, :1]))
        self._pace = schedules.start(
            [work.config.schedule for work in own],
            [work.config.optimizer.lr for work in own],
            self.weights.flat,
            per_epoch=works[0].updates_per_epoch,
        )
        self._limits = {mode: _limit([work.config.clip for work in own], mode, self.weights.flat) for mode in ("value", "norm")}
        self.final: list[Weights | None] = [None] * len(works)
        self.fatal: list[NonFinite | None] = [None] * len(works)
        self.last: list[Tensor | None] = [None] * len(works)
        self.updates = [0] * len(works)
        self.best_epochs: list[int | None] = [None] * len(works)
        self.stopped: list[int | None] = [None] * len(works)
        self._stopping = start_stopping([work.config.train.early_stopping for work in own], self.weights)
        self.scalings: list[LossScaling | None] = [None] * len(works)
        self._random, self._before = self.weights.random, self.weights.flat  # before the latest update
        self._streams = Streams([work.config.seed for work in works])
        self._dropouts = find_dropouts(works[0].model, works[0].train.inputs[:2])
        self._shares = {name: [getattr(work.model.get_submodule(name), "share", 0.0) for work in works] for name in self._dropouts}
        self._family = optimizers.name_family(works[0].config.optimizer)
        self._strengths = _read_strengths([work.config.regularize for work in works])
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
        self._loss = torch.zeros_like(self.weights.flat[:, 0])
        self.seen = 0
        self._missed: Tensor | int = 0  # samples `[row]`

    @property
    def before(self) -> Tensor:
        """`[row, total]` parameters that the last gradient was taken at."""
        return self._before

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
        self._stopping = self._stopping.observe(watched, epoch, self.weights, self._before)
        due = self._stopping.due
        for position in due:
            if self.rows[position] != PADDING:
                self.stopped[self.rows[position]] = epoch
                self._close(position, update, None)
        if due:
            self._remove(due)

    def advance(self, program: Program, batches: Sequence[Batch], update: int) -> Step:
        """One update of every row, on the mean gradient of some batches."""
        self._before = before = self.weights.flat
        samples = [batch.inputs.shape[1] for batch in batches]
        scale = None if self._scaling is None else self._scaling.scale
        losses, gradients, drawn = [], [], []
        for batch in batches:
            drawn.append(self._draw(batch))
            loss, gradient = self._differentiate(program, *drawn[-1], scale)
            losses.append(loss)
            gradients.append(gradient)
        loss = losses[0] if len(batches) == 1 else sum_weighted(losses, samples)
        raw = gradients[0] if len(batches) == 1 else sum_weighted(gradients, samples)
        skipped = None
        if scale is not None:
            raw = raw / scale[:, None]
            skipped = ~torch.isfinite(raw).all(dim=1)
            raw = self._see_skipped(program, drawn, raw, skipped & torch.isfinite(loss), scale)
        used = self._clip(raw)
        rate = self._pace.find_rates(self._clock(update))
        rates = rate.to(before)[:, None]
        columns = {**self._columns, "lr": rates if self._scales is None else rates * self._scales}
        held = self._state
        in_place = self._find_step_in_place(program)
        if in_place is None:
            after, self._state = optimizers.step_in_blocks(self._step, before, used, held, columns)
        else:
            after = before.clone()
            self._state = in_place(after, used, held, columns)
        after = self._constrain(after, columns)
        told = loss
        if self._scaling is not None and skipped is not None:
            after, self._state = torch.where(skipped[:, None], before, after), self._state.hold(skipped[:, None], held)
            missed = self._follow(self._scaling, skipped, raw, loss)
            told, self._missed = torch.where(missed, 0.0, loss), self._missed + missed * sum(samples)
        self.weights = replace(self.weights, flat=after)
        self._loss, self.seen = self._loss + told * sum(samples), self.seen + sum(samples)
        return Step(
            update=update,
            layout=self.works[0].layout,
            before=before,
            raw=raw,
            used=used,
            after=after,
            loss=loss,
            rate=rate,
        )

    def _find_step_in_place(self, program: Program) -> optimizers.StepInPlace | None:
        """Under a loss scale the state before the step may be needed again; it takes one rate a run."""
        if isinstance(self.works[0].config.optimizer, PythonOptimizer):
            return optimizers.find_step_in_place(self._family)
        if (
            not isinstance(program, OneByOne)
            or self._scaling is not None
            or self._scales is not None
            or not self.weights.flat.is_cpu
        ):
            return None
        return optimizers.find_step_in_place(self._family)

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

    def confirm(self, broken: Sequence[int]) -> list[int]:
        """Of the positions that an update has broken, those whose runs end there: under a loss scale, when no hope is left."""
        return sorted({position for position in broken if position not in self._spared} | self._hopeless)

    def _differentiate(self, program: Program, noisy: Weights, batch: Batch, scale: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss `[row]` and gradient `[row, total]`, under the scale, of what was drawn for one batch."""
        loss, gradient, moved = self._backpropagate(program, noisy, batch, range(len(self.rows)), scale)
        self.weights = replace(self.weights, random=moved.random)
        return loss, gradient

    def _draw(self, batch: Batch) -> tuple[Weights, Batch]:
        """The weights and one batch with this update's masks and noise."""
        self._random = self.weights.random
        runs = self.runs
        samples = batch.inputs.shape[1]
        masks = {
            f"{name}.mask": self._streams.draw_mask(name, runs, self._shares[name], (samples, *shape), self.weights.flat)
            for name, shape in self._dropouts.items()
        }
        self._masks = masks
        noisy = replace(self.weights, fixed=self.weights.fixed | masks)
        strengths = self._strengths
        if "weight_noise" in strengths:
            noise = self._streams.draw_normal("weight noise", runs, strengths["weight_noise"], noisy.flat)
            noisy = replace(noisy, flat=noisy.flat + noise)
        if "input_noise" in strengths:
            noise = self._streams.draw_normal("input noise", runs, strengths["input_noise"], batch.inputs)
            batch = replace(batch, inputs=batch.inputs + noise)
        if batch.target is not None and "label_smoothing" in strengths:
            share = self._column(strengths["label_smoothing"])
            batch = replace(batch, soft=smooth(batch.target, share, classes=self.works[0].outputs).to(share))
        return noisy, batch

    def _backpropagate(
        self, program: Program, noisy: Weights, batch: Batch, rows: Sequence[int], scale: Tensor | None
    ) -> tuple[Tensor, Tensor, Weights]:
        """See `Program.loss_and_gradient`; of some rows, on the samples that the adversary makes of theirs."""
        if "adversarial" in self._strengths:
            length = self._column(self._strengths["adversarial"])[list(rows)].view(-1, *[1] * (batch.inputs.dim() - 1))
            batch = replace(batch, inputs=batch.inputs + length * program.input_gradient(noisy, batch, scale).sign())
        return program.loss_and_gradient(noisy, batch, scale)

    def _column(self, values: Sequence[float]) -> Tensor:
        """`[row]`, each with the value of its run."""
        return torch.tensor([values[run] for run in self.runs], dtype=torch.float64).to(self.weights.flat)

    def _constrain(self, flat: Tensor, columns: optimizers.Columns) -> Tensor:
        """What comes after the optimizer's step."""
        if "l1" in self._strengths:
            stride = optimizers.find_stride(self._family, self._state, columns)
            flat = shrink(flat, self._column(self._strengths["l1"])[:, None] * stride, self.works[0].layout)
        if "max_norm" in self._strengths:
            flat = limit_norms(flat, self._column(self._strengths["max_norm"]), self.works[0].layout)
        return flat

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

    def end(self, positions: Sequence[int], step: Step, batches: Sequence[Batch]) -> None:
        """Take the runs at `positions`, which `step` has broken, out of the stack: they cost nothing from here on."""
        for position in positions:
            if self.rows[position] != PADDING:
                self._close(position, step.update, self._examine(position, step, batches[-1]))
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
        weights, before = self.weights, self._before
        if self._stopping is not None and self._stopping.keeps_best(position):
            weights, before = self._stopping.weights, self._stopping.before
            self.best_epochs[run] = int(self._stopping.epoch[position])
        self.final[run], self.last[run] = weights.select([position]), before[position : position + 1].clone()

    def _examine(self, position: int, step: Step, batch: Batch) -> NonFinite:
        work = self.works[self.rows[position]]
        parameters = {name: each.squeeze(0) for name, each in step.layout.unflatten(step.before[position : position + 1]).items()}
        return find_nonfinite(
            work.model,
            {**parameters, **{name: each[position] for name, each in (self.weights.fixed | self._masks).items()}},
            Batch(inputs=batch.inputs[position], target=None),
            self._random[position],
            update=step.update - (0 if self._scaling is None else max(int(self._scaling.lost[position]) - 1, 0)),
            loss=step.loss[position],
            raw=step.raw[position],
            after=step.after[position],
            layout=step.layout,
            precision=work.config.train.precision,
        )

    def _select(self, positions: list[int]) -> None:
        index = torch.tensor(positions)
        on_device = index.to(self.weights.flat.device)
        self.weights = self.weights.select(positions)
        self._loss, self._before = self._loss[on_device], self._before[on_device]
        if self._scaling is not None:
            self._scaling = self._scaling.select(on_device)
            self._missed = self._missed[on_device] if isinstance(self._missed, Tensor) else self._missed
        self._state, self._pace = self._state.select(index), self._pace.select(index)
        self._stopping = self._stopping and self._stopping.select(positions)
        self._columns = {name: each[index.to(each.device)] for name, each in self._columns.items()}
        self._scales = None if self._scales is None else self._scales[on_device]
        self._limits = {mode: None if each is None else each[on_device] for mode, each in self._limits.items()}


def sum_weighted(parts: Sequence[Tensor], samples: Sequence[int]) -> Tensor:
    """The mean over all samples of what is a mean over each batch."""
    total = parts[0] * (samples[0] / sum(samples))
    for part, size in zip(parts[1:], samples[1:], strict=True):
        total = total + part * (size / sum(samples))
    return total


def _list_true(rows: Tensor) -> list[int]:
    return [int(row) for row in rows.nonzero()[:, 0]]


def _read_strengths(sections: Sequence[Regularize]) -> dict[str, list[float]]:
    """Each regulariser that some run has, with its strength for every run: asked once, not at each update of each run."""
    found = {}
    for field in dataclasses.fields(Regularize):
        values = [getattr(section, field.name) for section in sections]
        if any(values):
            found[field.name] = [math.inf if value is None else value for value in values]  # null is no limit
    return found


def _limit(clips: Sequence[object], mode: str, like: Tensor) -> Tensor | None:
    """Thresholds `[row, 1]`, infinite for runs that do not clip this way; None if none does."""
    thresholds = [clip.threshold if isinstance(clip, ClipBy) and clip.mode == mode else math.inf for clip in clips]
    return None if all(map(math.isinf, thresholds)) else torch.tensor(thresholds, dtype=torch.float64).to(like)[:, None]
