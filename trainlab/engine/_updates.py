"""One update of all rows of a stack: gradients of the rows side by side, or one run after the other, and a step on them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from trainlab.engine._alone import OneByOne
from trainlab.engine._optimizing import Optimizing
from trainlab.engine._precision import BACKOFF, SMALLEST
from trainlab.engine._programs import Program
from trainlab.engine._random import RandomState
from trainlab.engine._regularizing import Regularizing
from trainlab.engine._weights import Apart, Weights, lay_out, split_rows, sum_weighted, take_apart
from trainlab.step import Batch

W = TypeVar("W", Weights, Apart)
G = TypeVar("G", Tensor, list[list[Tensor]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What an update was, for who asks until the next.

    Attributes:
        number: counted from 1.
        batch: the last of its batches, without noise.
        at: the weights that its gradient was taken at, with their noise and masks.
        after: the new ones.
        loss: `[row]`, and how many samples that is the mean of.
        samples: see loss.
        is_finite: whether loss and new weights are, of all rows; some numbers that are may not look so.
        raw: `[row, total]` gradient, and after clipping `used`; None if nobody looks at them.
        used: see raw.
        find_raw: the gradient all the same.
        skipped: bool `[row]`: without a step, the gradient having overflowed under the loss scale; None if there is no scale.
    """

    number: int
    batch: Batch
    at: Weights | Apart
    after: Weights | Apart
    loss: Tensor
    samples: int
    is_finite: bool
    raw: Tensor | None
    used: Tensor | None
    find_raw: Callable[[], Tensor]
    skipped: Tensor | None = None


def advance_together(
    program: Program,
    weights: Weights,
    batches: Sequence[Batch],
    number: int,
    runs: list[int],
    optimizing: Optimizing,
    regularizing: Regularizing,
    scale: Tensor | None,
) -> Update:
    """A step on the mean gradient of some batches.

    Args:
        program: how to compute a gradient.
        weights: of the rows; running statistics are moved in place.
        batches: `[row, sample, ...]`.
        number: of the update, counted from 1.
        runs: one a row.
        optimizing: of the rows, moved on.
        regularizing: of the runs.
        scale: `[row]` of the loss, or None.
    """

    def differentiate(noisy: Weights, given: Batch) -> tuple[Tensor, Tensor, tuple[RandomState, ...]]:
        loss, gradient, moved = _differentiate(program, regularizing, runs, noisy, given, scale)
        return loss, gradient, moved.random

    before, state = weights.flat, optimizing.state
    losses, gradients, at, random = _take_gradients(weights, batches, runs, regularizing, differentiate)
    sizes = [batch.inputs.shape[1] for batch in batches]
    loss, raw, skipped = sum_weighted(losses, sizes), sum_weighted(gradients, sizes), None
    if scale is not None:
        raw = raw / scale[:, None]
        skipped = ~torch.isfinite(raw).all(dim=1)
        raw = _see_skipped(program, regularizing, runs, at, raw, skipped & torch.isfinite(loss), scale)
    used = optimizing.clip(raw)
    after = optimizing.step(runs, before, used)
    if skipped is not None:
        after = torch.where(skipped[:, None], before, after)
        optimizing.hold(skipped[:, None], state)
    return Update(
        number=number,
        batch=batches[-1],
        at=at[-1][0],
        after=Weights(flat=after, fixed=weights.fixed, random=random),
        loss=loss,
        samples=sum(sizes),
        is_finite=math.isfinite(float(loss.sum() + after.sum())),  # one look, at one number
        raw=raw,
        used=used,
        find_raw=lambda: raw,
        skipped=skipped,
    )


def advance_apart(
    program: OneByOne,
    held: Weights | Apart,
    batches: Sequence[Batch],
    number: int,
    runs: list[int],
    optimizing: Optimizing,
    regularizing: Regularizing,
    *,
    is_seen: bool,
) -> Update:
    """The same where no row is beside another: gradients are taken as they lie, and become the new weights.

    They are copied only where somebody looks on, `is_seen`, or where a run is clipped or constrained as a whole.
    """
    weights = take_apart(held, program.layout) if isinstance(held, Weights) else held

    def differentiate(noisy: Apart, given: Batch) -> tuple[Tensor, list[list[Tensor]], tuple[RandomState, ...]]:
        attacked = regularizing.attack(runs, given, functools.partial(program.input_gradient, noisy, given))
        return program.differentiate(noisy, attacked)

    losses, gradients, at, random = _take_gradients(weights, batches, runs, regularizing, differentiate)
    sizes = [batch.inputs.shape[1] for batch in batches]
    slopes, raw, used = gradients[0], None, None
    is_whole = len(batches) > 1 or optimizing.clips
    if is_seen or is_whole:
        raw = sum_weighted([lay_out(each) for each in gradients], sizes)
        used = optimizing.clip(raw)
        if is_whole:
            slopes = split_rows(used.clone() if is_seen else used, program.layout)
    gradients.clear()
    after, totals = optimizing.step_apart(runs, weights.parameters, slopes)
    loss = sum_weighted(losses, sizes)

    def find_raw() -> Tensor:
        """Once more, for who asks afterwards; running statistics must not see the samples twice."""
        found = [differentiate(noisy.copy_fixed(), given)[1] for noisy, given in at]
        return sum_weighted([lay_out(each) for each in found], sizes)

    return Update(
        number=number,
        batch=batches[-1],
        at=at[-1][0],
        after=Apart(parameters=after, fixed=weights.fixed, random=random),
        loss=loss,
        samples=sum(sizes),
        is_finite=math.isfinite(sum(loss.tolist()) + sum(totals)),
        raw=raw if is_seen else None,
        used=used if is_seen else None,
        find_raw=find_raw,
    )


def _take_gradients(
    weights: W,
    batches: Sequence[Batch],
    runs: list[int],
    regularizing: Regularizing,
    differentiate: Callable[[W, Batch], tuple[Tensor, G, tuple[RandomState, ...]]],
) -> tuple[list[Tensor], list[G], list[tuple[W, Batch]], tuple[RandomState, ...]]:
    """Of each batch the loss, the gradient, and the weights and samples it was taken at; and where the global streams are then."""
    losses, gradients, at = [], [], []
    random = weights.random
    for batch in batches:
        masks, noise, given = regularizing.draw(runs, batch, lambda: weights.flat)
        noisy = weights.move(noise, masks, random)
        loss, gradient, random = differentiate(noisy, given)
        losses.append(loss)
        gradients.append(gradient)
        at.append((noisy, given))
    return losses, gradients, at, random


def _differentiate(
    program: Program, regularizing: Regularizing, runs: list[int], noisy: Weights, batch: Batch, scale: Tensor | None
) -> tuple[Tensor, Tensor, Weights]:
    """See `Program.loss_and_gradient`; on the samples that the adversary makes of those of the runs, one a row."""
    attacked = regularizing.attack(runs, batch, lambda: program.input_gradient(noisy, batch, scale))
    return program.loss_and_gradient(noisy, attacked, scale)


def _see_skipped(
    program: Program,
    regularizing: Regularizing,
    runs: list[int],
    at: Sequence[tuple[Weights, Batch]],
    raw: Tensor,
    wanted: Tensor,
    scale: Tensor,
) -> Tensor:
    """The gradient `[row, total]`; that of the rows `wanted`, which has overflowed, under the largest scale that holds it.

    For whoever looks on, no update is made of it. A row that no scale saves stays as it is.
    """
    seen = raw
    while True:
        scale = scale * BACKOFF
        wanted = wanted & (scale >= SMALLEST)
        rows = list_true(wanted)
        if not rows:
            return seen
        found = []
        for weights, batch in at:
            part = Batch(
                inputs=batch.inputs[rows],
                target=None if batch.target is None else batch.target[rows],
                soft=None if batch.soft is None else batch.soft[rows],
            )
            own = [runs[row] for row in rows]
            found.append(_differentiate(program, regularizing, own, weights.select(rows), part, scale[rows])[1])
        again = seen.clone()
        again[rows] = sum_weighted(found, [batch.inputs.shape[1] for _, batch in at]) / scale[rows, None]
        seen, wanted = again, wanted & ~torch.isfinite(again).all(dim=1)


def list_true(rows: Tensor) -> list[int]:
    """Where a bool `[row]` is."""
    return [int(row) for row in rows.nonzero()[:, 0]]
