"""One process's copy of a run: its weights, its optimizer's memory, its streams, and how it takes gradients and steps."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from trainlab import clipping, optimizers, schedules
from trainlab.config.training import ClipBy
from trainlab.engine._alone import OneByOne
from trainlab.engine._precision import cast
from trainlab.engine._random import fork_random, note_random
from trainlab.engine._regularizing import Regularizing
from trainlab.engine._weights import lay_out, stack_networks, sum_weighted
from trainlab.engine._work import Work
from trainlab.engine.ranks._meeting import Stage, note
from trainlab.engine.ranks._norms import Seen, be_absent, synchronise
from trainlab.losses import find_loss
from trainlab.numerics import norm_rows
from trainlab.step import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A batch with what is drawn for it.

    Attributes:
        batch: `[1, sample, ...]`.
        masks: of dropout, by name, `[1, sample, ...]`.
        noise: on the weights, `[1, total]`, or None.
    """

    batch: Batch
    masks: dict[str, Tensor]
    noise: Tensor | None

    def take(self, rows: Sequence[int]) -> Portion:
        """What some of the samples have of it."""
        index = torch.tensor(rows, device=self.batch.inputs.device)
        target, soft = (None if each is None else each[:, index] for each in (self.batch.target, self.batch.soft))
        return Portion(
            batch=Batch(inputs=self.batch.inputs[:, index], target=target, soft=soft),
            masks={name: mask[:, index.to(mask.device)] for name, mask in self.masks.items()},
            noise=self.noise,
        )


class Copy:
    """A run as one process computes it.

    Attributes:
        weights: a stack of one.
        own: the gradient of this process alone at the latest update, `[1, total]`, its batches taken together as the loss asks for.
        seen: what batch norm has normalised by.
    """

    def __init__(self, work: Work, seed: int, *, epochs_of: int, statistics: dist.ProcessGroup | None = None) -> None:
        """Before the first update.

        Args:
            work: the run.
            seed: of what it draws.
            epochs_of: updates an epoch.
            statistics: the ranks whose samples batch norm normalises by; None for those of this process.
        """
        self.work = work
        self.model = copy.deepcopy(work.model)
        if statistics is not None:
            self.model = synchronise(self.model, statistics)
        self.seen = Seen(self.model)
        self.weights = stack_networks([self.model], [seed])
        self.own = torch.zeros_like(self.weights.flat)
        config = work.config
        self._program = OneByOne(self.model, work.layout, work.loss, "", config.train.precision)
        drawing = replace(work, config=replace(config, seed=seed))
        self._regularizing = Regularizing([drawing], self.weights.flat)
        like = self.weights.flat
        self._step, self._state, self._columns = optimizers.start([config.optimizer], like, work.layout, [config.seed])
        self._scales = optimizers.find_scales([config.optimizer], work.layout, like)
        self._pace = schedules.start([config.schedule], [config.optimizer.lr], like, per_epoch=epochs_of)
        self._clock = schedules.Clock(update=0, updates=epochs_of * config.train.epochs, per_epoch=epochs_of)

    @property
    def buffers(self) -> dict[str, Tensor]:
        """What the network keeps beside its parameters, such as running statistics; `[1, ...]`."""
        masks = {f"{name}.mask" for name in self._regularizing.dropouts}
        kept = dict(self.model.named_buffers()).keys() - masks
        return {name: each for name, each in self.weights.fixed.items() if name in kept}

    @property
    def draws(self) -> bool:
        """Whether a pass may draw random numbers."""
        given = self.work.config.regularize
        return self._program.draws or bool(self._regularizing.dropouts or given.input_noise or given.weight_noise)

    def draw(self, places: Tensor) -> Portion:
        """The samples at some places of the training part, with the masks and the noise for them."""
        part = self.work.train
        index = places.to(part.inputs.device)
        batch = Batch(inputs=part.inputs[index][None], target=None if part.target is None else part.target[index][None])
        masks, noise, given = self._regularizing.draw([0], batch, lambda: self.weights.flat)
        return Portion(batch=given, masks=masks, noise=noise)

    def differentiate(self, portions: Sequence[Portion], *, weigh: float = 1.0, add: bool = False) -> tuple[Tensor, int]:
        """The gradient on some batches, `[1, total]`, and how many samples they have.

        Args:
            portions: the batches; none leaves the gradient at 0.
            weigh: factor on the loss.
            add: take the sum over the batches in place of the mean over their samples.
        """
        gradients = [self._pass(portion, weigh) for portion in portions]
        samples = [portion.batch.inputs.shape[1] for portion in portions]
        if not portions:
            self.own = torch.zeros_like(self.weights.flat)
            return self.own, 0
        total, mean = torch.stack(gradients).sum(dim=0), sum_weighted(gradients, samples)
        self.own = total if self.work.loss == "sum" else mean
        return total if add else mean, sum(samples)

    def look_from(self, flat: Tensor, portion: Portion) -> Tensor:
        """The gradient at other weights, `[1, total]`. Moves nothing."""
        held, fixed = self.weights, {name: each.clone() for name, each in self.weights.fixed.items()}
        self.weights = replace(held, flat=flat, fixed=fixed)
        gradient, _ = self.differentiate([portion])
        self.weights = held
        return gradient

    def go_through(self, portion: Portion) -> None:
        """Go forward and back with samples that do not count, where the other ranks wait for this one's share of the statistics."""
        be_absent(self.model, absent=True)
        self._pass(portion, 0.0)
        be_absent(self.model, absent=False)

    def _pass(self, portion: Portion, weigh: float) -> Tensor:
        noisy = replace(self.weights, fixed=self.weights.fixed | portion.masks)
        if portion.noise is not None:
            noisy = replace(noisy, flat=noisy.flat + portion.noise)
        scale = None if weigh == 1 else torch.full_like(self.weights.flat[:, 0], weigh)
        _, gradient, moved = self._program.loss_and_gradient(noisy, portion.batch, scale)
        self.weights = replace(self.weights, random=moved.random)
        return gradient

    def step(self, gradient: Tensor, update: int) -> None:
        """The update of that number, counted from 1 over the run: clip, step, constrain."""
        rate = self._pace.find_rates(replace(self._clock, update=update - 1)).to(gradient)[:, None]
        columns = {**self._columns, "lr": rate if self._scales is None else rate * self._scales}
        used, before = _clip(gradient, self.work.config.clip), self.weights.flat
        after, self._state = self._step(before, used, self._state, columns)
        self.weights = replace(self.weights, flat=self._regularizing.constrain([0], after, self._state, columns))


def _clip(gradient: Tensor, clip: object) -> Tensor:
    if not isinstance(clip, ClipBy):
        return gradient
    threshold = torch.full_like(gradient[:, :1], clip.threshold)
    if clip.mode == "value":
        return clipping.clip_by_value(gradient, threshold)
    return clipping.clip_by_norm(gradient, norm_rows(gradient)[:, None], threshold)


class Parallel(Copy):
    """The same through torch's DistributedDataParallel, which averages within the backward pass."""

    def __init__(
        self,
        work: Work,
        seed: int,
        *,
        epochs_of: int,
        group: dist.ProcessGroup,
        statistics: dist.ProcessGroup | None = None,
    ) -> None:
        """See Copy; `group` are the ranks whose gradients are averaged."""
        super().__init__(work, seed, epochs_of=epochs_of, statistics=statistics)
        self._group, self._found = group, list[tuple[list[Tensor], list[Tensor]]]()
        section = work.config.distributed
        self._divisor = 1 if section.reduction == "sum" else dist.get_world_size(group)
        network = self.model
        masks = [f"{name}.mask" for name in self._regularizing.dropouts]
        ignore: Callable[..., None] = nn.parallel.DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
        ignore(network, masks)
        # What it moves in place, such as running statistics, is then the same memory
        buffers = {name: each[None] for name, each in network.named_buffers() if name not in masks}
        self.weights = replace(self.weights, fixed=self.weights.fixed | buffers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # newer releases have another word for `broadcast_buffers`
            self._network = nn.parallel.DistributedDataParallel(
                network,
                process_group=group,
                broadcast_buffers=section.broadcast_buffers,
                find_unused_parameters=True,
                init_sync=section.same_start,
            )
        # It looks at annotations, as text they are wrong, and a lambda has none
        self._network.register_comm_hook(None, lambda _, bucket: self._reduce(bucket))
        self._trained = [each for each in network.parameters() if each.requires_grad]

    def _reduce(self, bucket: Any) -> Any:
        """What its own hook does, once this rank's gradient has been noted."""
        self._found.append((bucket.parameters(), [each.clone() for each in bucket.gradients()]))
        flat = bucket.buffer().div_(self._divisor)
        return dist.all_reduce(flat, group=self._group, async_op=True).get_future().then(lambda done: done.value()[0])

    def reduce(self, portions: Sequence[Portion], *, weigh: float, add: bool) -> tuple[Tensor, int]:
        """The gradient as all ranks have it, `[1, total]`, and how many samples this one has. See `differentiate`."""
        self._found.clear()
        layout, samples = self.work.layout, [portion.batch.inputs.shape[1] for portion in portions]
        for each in self._trained:
            each.grad = None
        for place, (portion, size) in enumerate(zip(portions, samples, strict=True)):
            flat = self.weights.flat if portion.noise is None else self.weights.flat + portion.noise
            with torch.no_grad():
                for parameter, value in zip(self._trained, layout.unflatten(flat).values(), strict=True):
                    parameter.copy_(value[0])
            for name, mask in portion.masks.items():
                module, _, key = name.rpartition(".")
                self.model.get_submodule(module)._buffers[key] = mask[0]
            last = place == len(portions) - 1
            note(Stage.COMPUTING)
            with nullcontext() if last else self._network.no_sync():
                self._go(portion.batch, weigh * (1.0 if add else size / sum(samples)))
            note(Stage.COMPUTING)
        local = {id(one): slope for parameters, slopes in self._found for one, slope in zip(parameters, slopes, strict=True)}
        self.own = lay_out([[local[id(each)] for each in self._trained]])
        if add != (self.work.loss == "sum"):  # exact where its batches are of one size
            self.own = self.own * (len(portions) if self.work.loss == "sum" else 1 / len(portions))
        return lay_out([[torch.zeros_like(each) if each.grad is None else each.grad for each in self._trained]]), sum(samples)

    def _go(self, batch: Batch, weigh: float) -> None:
        self.model.train()
        loss: Callable[..., Tensor] = find_loss(self.work.loss)
        device = batch.inputs.device
        with fork_random(device):
            self.weights.random[0].restore()
            with cast(self.work.config.train.precision, device):
                output = self._network(batch.inputs[0])
                goal = batch.soft if batch.soft is not None else batch.target
                value = loss(output, None if goal is None else goal[0])
            note(Stage.WAITING)  # for the others, at its end
            torch.autograd.backward(value * weigh)
            self.weights = replace(self.weights, random=(note_random(device),))
