"""All steps of a recurrent layer, forward and backward written by hand on stacked tensors.

What autograd and vmap spend on the dozen small operations of a step costs more than their arithmetic: this is twice as fast.
Samples lie last, so that each gate of a run is one piece of memory, with an end of its own: a run's bits do not depend on how many
there are (see `trainlab.engine._rows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


def take_steps(steps: type[Steps], inputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The state after each step `[step, sample, width]` and after the last, from `[step, sample, feature]`, beginning with zeros.

    For many runs at once all of them, weights too, have one more dimension in front.

    Args:
        steps: of which kind of layer.
        inputs: of all steps.
        weights: `[4 * width, width + feature + 1]`: from the state before, from the input, and the bias side by side; what the
            blocks on top of each other are for, the kind says.
    """
    if torch.is_autocast_enabled(inputs.device.type):  # which has to see each operation
        states = steps.take_plainly(inputs[None], weights[None])[0]
        return states, states[-1]
    is_stack = weights.dim() == 3
    found: tuple[Tensor, ...] = steps.apply(*((inputs, weights) if is_stack else (inputs[None], weights[None])))  # type: ignore[no-untyped-call]
    return (found[0], found[1]) if is_stack else (found[0][0], found[1][0])


def enter(inputs: Tensor, width: int) -> Tensor:
    """`[step + 1, run, width + feature + 1, sample]`: room for the state before each step, its input, and 1; the first is 0."""
    runs, steps, samples, features = inputs.shape
    entered = inputs.new_empty(steps + 1, runs, width + features + 1, samples)
    entered[0, :, :width] = 0
    entered[:steps, :, width:-1] = inputs.permute(1, 0, 3, 2)
    entered[:, :, -1] = 1
    return entered


def show(entered: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The states, `[run, step, sample, width]`, and the last one besides, in what `enter` made."""
    states = entered[1:, :, :width].permute(1, 0, 3, 2)
    return states, states[:, -1].clone()


class Slopes(NamedTuple):
    """Gradients at the states, `[step, run, width, sample]`, and at the last one besides, `[run, width, sample]`; None is 0."""

    states: Tensor | None
    last: Tensor | None

    def begin(self, like: Tensor) -> Tensor:
        """What enters the last step from behind: new memory of the shape of `like`."""
        return torch.zeros_like(like) if self.last is None else torch.empty_like(like).copy_(self.last)

    def unbind(self, steps: int) -> Sequence[Tensor | None]:
        """Those at the state after each of so many steps."""
        return [None] * steps if self.states is None else self.states.unbind()


class Steps(torch.autograd.Function):
    """`[run, step, sample, feature]` and `[run, 4 * width, width + feature + 1]` to the states and the last of them.

    They are `[run, step, sample, width]` and `[run, sample, width]`. Whoever reads the last only, takes it from there: its
    gradient, cut out of all states, would be mostly zeros, to be added up.

    A kind of layer has `forward`, whose results are the states, the last, what `enter` made and what else backward needs, and the
    two functions below.
    """

    @staticmethod
    def differentiate(slopes: Slopes, weights: Tensor, *kept: Tensor, at_inputs: bool) -> tuple[Tensor | None, Tensor]:
        """Gradients at the inputs, `[step, run, feature, sample]`, and at the weights.

        Args:
            slopes: gradients at the states.
            weights: of the forward pass.
            kept: what `forward` gave beside the states.
            at_inputs: whether the first gradient is asked for.
        """
        raise NotImplementedError

    @staticmethod
    def take_plainly(inputs: Tensor, weights: Tensor) -> Tensor:
        """The states, as autograd can differentiate them as often as is asked for."""
        raise NotImplementedError

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        """Keep what backward needs; only the states have a gradient."""
        ctx.save_for_backward(*inputs, *output[2:])
        ctx.mark_non_differentiable(*output[2:])
        ctx.set_materialize_grads(False)

    @classmethod
    def backward(cls, ctx: Any, *found: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Gradients at inputs and weights; where those are to be differentiated again, by way of plain operations."""
        slope, last, (inputs, weights, *kept) = found[0], found[1], ctx.saved_tensors
        if slope is None and last is None:
            return None, None
        if torch.is_grad_enabled():
            inputs, weights = (each if each.requires_grad else each.detach().requires_grad_() for each in (inputs, weights))
            states = cls.take_plainly(inputs, weights)
            told = [(each, at) for each, at in ((states, slope), (states[:, -1], last)) if at is not None]
            outputs, slopes = zip(*told, strict=True)
            return torch.autograd.grad(outputs, (inputs, weights), slopes, create_graph=True)  # type: ignore[return-value]  # two of them
        lying = Slopes(None if slope is None else slope.permute(1, 0, 3, 2), None if last is None else last.transpose(1, 2))
        at_entered, at_weights = cls.differentiate(lying, weights, *kept, at_inputs=ctx.needs_input_grad[0])
        return None if at_entered is None else at_entered.permute(1, 0, 3, 2), at_weights

    @classmethod
    def vmap(cls, info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Runs of a stack lie beside those that there are."""
        batched = [
            tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
            for tensor, dim in zip(tensors, in_dims, strict=True)
        ]
        stacked = cls.apply(*(tensor.flatten(0, 1) for tensor in batched))  # type: ignore[no-untyped-call]
        runs = batched[0].shape[1]
        parts = [each.unflatten(0 if place < 2 else 1, (info.batch_size, runs)) for place, each in enumerate(stacked)]
        return tuple(parts), (0, 0, *(1 for _ in parts[2:]))
