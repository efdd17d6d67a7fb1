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


class StoppedError(Exception):
    """Nobody waits any more for what is being computed."""


class Objective(Protocol):
    """What one run has minimised, as a function of its weights in one row `[total]`: the loss at rest, with an L2 penalty if any.

    In float64 where device and network allow it. Batch norm normalises by batches of the size trained with, nothing is dropped.
    All that it computes may end in a `StoppedError`.

    Attributes:
        at: `[total]` where the run has come to.
        samples: of the training part that curvatures are taken on; loss and gradient are taken on more where there are more.
        penalty: L2: half of it times the squared norm of the weights is part of what is minimised; 0 for none.
        is_exact: second derivatives are exact, and not differences of first ones, for want of a second derivative.
    """

    at: Tensor
    samples: int
    penalty: float
    is_exact: bool

    def measure(self, flat: Tensor, samples: int | None = None) -> float:
        """The value at `flat`, on at most `samples` of them."""
        ...

    def differentiate(self, flat: Tensor) -> Tensor:
        """`[total]` the gradient at `flat`."""
        ...

    def curve(self, directions: Tensor) -> Tensor:
        """`[direction, total]` to the same: the Hessian at `at` times each of them."""
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
        output_gradients: `(batch) ->` likewise, the gradient of the mean loss with respect to each of these outputs.
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
        objective: `(run) ->` what that run has minimised, see `Objective`; the same one each time.
    """

    flat: Tensor
    train: Batch
    validation: Batch | None
    test: Batch | None
    loss_at: Callable[[Tensor, Batch], Tensor]
    predict: Predict
    outputs: Callable[[Batch], Iterator[dict[str, Tensor]]]
    output_gradients: Callable[[Batch], Iterator[dict[str, Tensor]]]
    sample_norms: Callable[[Batch], Tensor]
    step_norms: Callable[[Batch], Tensor | None]
    task: str
    loss: str
    judge: Callable[[Tensor, Tensor | None], Tensor]
    kinds: dict[str, str]
    respond: Callable[[Batch], Tensor]
    batch_size: int
    layout: Layout
    objective: Callable[[int], Objective]
    pool: Batch | None = None
