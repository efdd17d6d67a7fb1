"""Step and Evaluation: what a probe may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the parameters of one run lie in a flat row.

    Attributes:
        names: parameter names, registration order.
        shapes: their shapes.
        sizes: their element counts.
    """

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    sizes: tuple[int, ...]

    @property
    def total(self) -> int:
        """Elements of one run, all parameters together."""
        return sum(self.sizes)

    def split(self, flat: Tensor) -> tuple[Tensor, ...]:
        """`[run, total]` to one `[run, size]` view for each parameter; differentiable."""
        return flat.split_with_sizes(list(self.sizes), dim=1)

    def unflatten(self, flat: Tensor) -> dict[str, Tensor]:
        """`[run, total]` to `{name: [run, *shape]}`, views where possible; differentiable."""
        return {name: part.view(-1, *shape) for name, part, shape in zip(self.names, self.split(flat), self.shapes, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One finished update of every run of a stack. Frozen; probes look and never touch.

    Attributes:
        update: counted from 1.
        layout: how the flat rows divide into parameters.
        before: `[run, total]` parameters that the gradient was taken at.
        raw: `[run, total]` gradient as backward left it.
        used: `[run, total]` gradient after clipping, as the optimizer got it.
        after: `[run, total]` parameters after the update.
        loss: `[run]` loss before the update.
        rate: `[run]` learning rate of this update; float64, on the CPU where the device has none.
    """

    update: int
    layout: Layout
    before: Tensor
    raw: Tensor
    used: Tensor
    after: Tensor
    loss: Tensor
    rate: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples and their targets: `[run, sample, ...]`, or `[sample, ...]` where all runs share them; target None if none.

    Attributes:
        soft: what is to be learned in place of the target, where labels are smoothed; the loss reported is that of the target.
    """

    inputs: Tensor
    target: Tensor | None
    soft: Tensor | None = None

    def part(self, rows: slice) -> Batch:
        """What some rows see, as views; of a batch with runs."""
        target, soft = (None if each is None else each[rows] for each in (self.target, self.soft))
        return Batch(inputs=self.inputs[rows], target=target, soft=soft)


class Predict(Protocol):
    """A stack of networks at rest."""

    def __call__(self, batch: Batch, *, stochastic: int | None = None) -> Tensor:
        """`[run, sample, output]`.

        Args:
            batch: samples that all runs share.
            stochastic: number of a pass in which dropout drops as in training, each run from streams of its own for each number;
                all else stays at rest. None for none: the networks as they are.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The models of a stack at rest, in evaluation mode.

    Attributes:
        flat: `[run, total]` parameters.
        train: the training part.
        validation: the part to choose by, or None.
        test: the test part, or None.
        loss_at: `(flat [run, total], batch) -> [run]` mean loss, without any penalty.
        predict: see `Predict`.
        outputs: `(batch) ->` for each run `{module name: [sample, ...]}`, the output of every leaf module, with the parameters that
            the last gradient was taken at; one run at a time is held.
        sample_norms: `(batch [sample, ...]) -> [run, sample]` norm of the gradient of each sample's own loss, at `flat`.
        step_norms: `(batch [sample, step, ...]) -> [run, step]` norm of the gradient that gets back to what enters at each step of
            the sequences, with the parameters that the last gradient was taken at; None where there are no steps.
        task: what is learned, see `Trace.task`.
        loss: name of the loss; `python` for one of the user's own.
        judge: the loss itself, `(output, target) ->` mean.
        kinds: class of every leaf module, by name.
        respond: `(batch) -> [run, sample, output]`: the output where batch norm normalises by the samples of the batch, as it does
            in training; nothing is dropped, and no running statistics move.
        batch_size: samples a batch of the training.
        layout: of the parameters.
        pool: the training part before it was drawn anew (`data.bootstrap`), or None.
    """

    flat: Tensor
    train: Batch
    validation: Batch | None
    test: Batch | None
    loss_at: Callable[[Tensor, Batch], Tensor]
    predict: Predict
    outputs: Callable[[Batch], Iterator[dict[str, Tensor]]]
    sample_norms: Callable[[Batch], Tensor]
    step_norms: Callable[[Batch], Tensor | None]
    task: str
    loss: str
    judge: Callable[[Tensor, Tensor | None], Tensor]
    kinds: dict[str, str]
    respond: Callable[[Batch], Tensor]
    batch_size: int
    layout: Layout
    pool: Batch | None = None
