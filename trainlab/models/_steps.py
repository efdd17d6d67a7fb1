"""All steps of a recurrent layer, forward and backward written by hand on stacked tensors.

What autograd and vmap spend on the dozen small operations of a step costs more than their arithmetic: this is twice as fast.
Samples lie last, so that each gate of a run is one piece of memory, with an end of its own: a run's bits do not depend on how many
there are (see `trainlab.engine._rows`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def take_steps(steps: type[Steps], inputs: Tensor, weights: Tensor) -> Tensor:
    """The state after each step `[step, sample, width]`, from `[step, sample, feature]`, beginning with zeros.

    Args:
        steps: of which kind of layer.
        inputs: of all steps.
        weights: `[4 * width, width + feature + 1]`: from the state before, from the input, and the bias side by side; what the
            blocks on top of each other are for, the kind says.
    """
    if torch.is_autocast_enabled(inputs.device.type):  # which has to see each operation
        return steps.take_plainly(inputs[None], weights[None])[0]
    states: Tensor = steps.apply(inputs[None], weights[None])[0]  # type: ignore[no-untyped-call]
    return states[0]


def enter(inputs: Tensor, width: int) -> Tensor:
    """`[step + 1, run, width + feature + 1, sample]`: room for the state before each step, its input, and 1; the first is 0."""
    runs, steps, samples, features = inputs.shape
    entered = inputs.new_empty(steps + 1, runs, width + features + 1, samples)
    entered[0, :, :width] = 0
    entered[:steps, :, width:-1] = inputs.permute(1, 0, 3, 2)
    entered[:, :, -1] = 1
    return entered


class Steps(torch.autograd.Function):
    """`[run, step, sample, feature]` and `[run, 4 * width, width + feature + 1]` to `[run, step, sample, width]`.

    A kind of layer has `forward`, whose first result is the states and whose second what `enter` made, and the two functions below.
    """

    @staticmethod
    def differentiate(slope: Tensor, weights: Tensor, *kept: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients at what entered each step, `[step, run, width + feature + 1, sample]`, and at the weights.

        Args:
            slope: gradient at the states, `[step, run, width, sample]`.
            weights: of the forward pass.
            kept: what `forward` gave beside the states.
        """
        raise NotImplementedError

    @staticmethod
    def take_plainly(inputs: Tensor, weights: Tensor) -> Tensor:
        """The states, as autograd can differentiate them as often as is asked for."""
        raise NotImplementedError

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        """Keep what backward needs; only the states have a gradient."""
        ctx.save_for_backward(*inputs, *output[1:])
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)

    @classmethod
    def backward(cls, ctx: Any, *slopes: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Gradients at inputs and weights; where those are to be differentiated again, by way of plain operations."""
        slope, (inputs, weights, *kept) = slopes[0], ctx.saved_tensors
        if slope is None:
            return None, None
        if torch.is_grad_enabled():
            inputs, weights = (each if each.requires_grad else each.detach().requires_grad_() for each in (inputs, weights))
            states = cls.take_plainly(inputs, weights)
            return torch.autograd.grad(states, (inputs, weights), slope, create_graph=True)  # type: ignore[return-value]  # two of them
        at_entered, at_weights = cls.differentiate(slope.permute(1, 0, 3, 2), weights, *kept)
        width = weights.shape[1] // 4
        return at_entered[:, :, width:-1].permute(1, 0, 3, 2), at_weights

    @classmethod
    def vmap(cls, info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Runs of a stack lie beside those that there are."""
        batched = [
            tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
            for tensor, dim in zip(tensors, in_dims, strict=True)
        ]
        stacked = cls.apply(*(tensor.flatten(0, 1) for tensor in batched))  # type: ignore[no-untyped-call]
        runs = batched[0].shape[1]
        parts = [each.unflatten(0 if place == 0 else 1, (info.batch_size, runs)) for place, each in enumerate(stacked)]
        return tuple(parts), (0, *(1 for _ in parts[1:]))
