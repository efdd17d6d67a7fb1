"""All steps of an LSTM layer, forward and backward written by hand on stacked tensors.

What autograd and vmap spend on the dozen small operations of a step costs as much as their arithmetic: this is twice as fast.
Samples lie last, so that each gate of a run is one piece of memory, with an end of its own: a run's bits do not depend on how many
there are (see `trainlab.engine._rows`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten


def take_steps(inputs: Tensor, weights: Tensor) -> Tensor:
    """The state after each step `[step, sample, width]`, from `[step, sample, feature]`, beginning with zeros.

    Args:
        inputs: of all steps.
        weights: `[4 * width, width + feature + 1]`: from the state before, from the input, and the bias side by side; the gates
            i, f, g, o on top of each other.
    """
    if torch.is_autocast_enabled(inputs.device.type):  # which has to see each operation
        return _take_steps_plainly(inputs[None], weights[None])[0]
    states: Tensor = _Steps.apply(inputs[None], weights[None])[0]  # type: ignore[no-untyped-call]
    return states[0]


class _Steps(torch.autograd.Function):
    """`[run, step, sample, feature]` and `[run, 4 * width, width + feature + 1]` to `[run, step, sample, width]`."""

    @staticmethod
    def forward(inputs: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        """The states, and what backward needs of them."""
        runs, steps, samples, features = inputs.shape
        width = weights.shape[1] // 4
        entered = inputs.new_empty(steps + 1, runs, width + features + 1, samples)  # state, input and 1 of each step
        entered[0, :, :width] = 0
        entered[:steps, :, width:-1] = inputs.permute(1, 0, 3, 2)
        entered[:, :, -1] = 1
        gates = inputs.new_empty(steps, runs, 4 * width, samples)
        cells = inputs.new_zeros(steps + 1, runs, width, samples)
        curbed = inputs.new_empty(steps, runs, width, samples)  # tanh of the cells
        for step in range(steps):
            torch.bmm(weights, entered[step], out=gates[step])
            both, new, out = gates[step].split_with_sizes([2 * width, width, width], dim=1)
            take, keep = both.sigmoid_().chunk(2, dim=1)
            torch.mul(keep, cells[step], out=cells[step + 1]).add_(take * new.tanh_())
            torch.tanh(cells[step + 1], out=curbed[step])
            torch.mul(out.sigmoid_(), curbed[step], out=entered[step + 1, :, :width])
        return entered[1:, :, :width].permute(1, 0, 3, 2), entered, gates, cells, curbed

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        """Keep what backward needs; only the states have a gradient."""
        ctx.save_for_backward(*inputs, *output[1:])
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Gradients at inputs and weights; where those are to be differentiated again, by way of plain operations."""
        slope, (inputs, weights, entered, gates, cells, curbed) = slopes[0], ctx.saved_tensors
        if slope is None:
            return None, None
        if torch.is_grad_enabled():
            inputs, weights = (each if each.requires_grad else each.detach().requires_grad_() for each in (inputs, weights))
            states = _take_steps_plainly(inputs, weights)
            return torch.autograd.grad(states, (inputs, weights), slope, create_graph=True)  # type: ignore[return-value]  # two of them
        width = weights.shape[1] // 4
        from_states = slope.permute(1, 0, 3, 2)
        at_weights, at_entered = torch.zeros_like(weights), torch.empty_like(entered[:-1])
        at_gates, transposed = torch.empty_like(gates[0]), weights.transpose(1, 2)
        at_take, at_keep, at_new, at_out = at_gates.chunk(4, dim=1)
        at_state, at_cell = from_states[-1], torch.zeros_like(cells[0])
        for step in range(len(gates) - 1, -1, -1):
            take, keep, new, out = gates[step].chunk(4, dim=1)
            at_cell = at_cell + aten.tanh_backward(at_state * out, curbed[step])
            aten.sigmoid_backward(at_cell * new, take, grad_input=at_take)
            aten.sigmoid_backward(at_cell * cells[step], keep, grad_input=at_keep)
            aten.tanh_backward(at_cell * take, new, grad_input=at_new)
            aten.sigmoid_backward(at_state * curbed[step], out, grad_input=at_out)
            at_weights.baddbmm_(at_gates, entered[step].transpose(1, 2))
            torch.bmm(transposed, at_gates, out=at_entered[step])
            at_cell = at_cell * keep
            if step:
                at_state = at_entered[step, :, :width] + from_states[step - 1]
        return at_entered[:, :, width:-1].permute(1, 0, 3, 2), at_weights

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Runs of a stack lie beside those that there are."""
        batched = [
            tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
            for tensor, dim in zip(tensors, in_dims, strict=True)
        ]
        stacked = _Steps.apply(*(tensor.flatten(0, 1) for tensor in batched))  # type: ignore[no-untyped-call]
        runs = batched[0].shape[1]
        parts = [each.unflatten(0 if place == 0 else 1, (info.batch_size, runs)) for place, each in enumerate(stacked)]
        return tuple(parts), (0, 1, 1, 1, 1)


def _take_steps_plainly(inputs: Tensor, weights: Tensor) -> Tensor:
    """The same, as autograd can differentiate it as often as is asked for."""
    runs, _, samples, _ = inputs.shape
    width = weights.shape[1] // 4
    state = cell = inputs.new_zeros(runs, samples, width)
    states = []
    for entered in inputs.unbind(1):
        whole = torch.cat([state, entered, entered.new_ones(runs, samples, 1)], dim=2)
        take, keep, new, out = (whole @ weights.transpose(1, 2)).chunk(4, dim=2)
        cell = keep.sigmoid() * cell + take.sigmoid() * new.tanh()
        state = out.sigmoid() * cell.tanh()
        states.append(state)
    return torch.stack(states, dim=1)
