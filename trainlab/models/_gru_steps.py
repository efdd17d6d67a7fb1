"""All steps of a GRU layer, forward and backward written by hand on stacked tensors.

See `trainlab.models._steps`, which says how the tensors lie.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.models._steps import Slopes, Steps, enter, show

aten = torch.ops.aten


class GRUSteps(Steps):
    """`[run, step, sample, feature]` and `[run, 4 * width, width + feature + 1]` to `[run, step, sample, width]`.

    The blocks of the weights are the input's part of the new state, the gates r and z, and the state's part of the new state.
    """

    @staticmethod
    def forward(inputs: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        """The states, and what backward needs of them."""
        width = weights.shape[1] // 4
        entered = enter(inputs, width)
        steps = len(entered) - 1
        parts = inputs.new_empty(steps, len(weights), 4 * width, inputs.shape[2])
        states = entered[:, :, :width].unbind()
        news, gates, resets, stays, olds = _divide(parts)
        with torch.inference_mode():  # nothing in here is looked at by autograd, which each operation would ask again
            for step, (whole, each) in enumerate(zip(entered.unbind(), parts.unbind(), strict=False)):
                torch.bmm(weights, whole, out=each)
                gates[step].sigmoid_()
                new = news[step].addcmul_(resets[step], olds[step]).tanh_()
                torch.lerp(new, states[step], stays[step], out=states[step + 1])
        return *show(entered, width), entered, parts

    @staticmethod
    def differentiate(slopes: Slopes, weights: Tensor, *kept: Tensor, at_inputs: bool) -> tuple[Tensor | None, Tensor]:
        """See Steps."""
        entered, parts = kept
        width = weights.shape[1] // 4
        at_weights = weights.new_zeros(weights.mT.shape)  # turned, as the product is faster
        at_entered = torch.empty_like(entered[:-1, :, width:-1]) if at_inputs else None
        from_state, from_input = (
            weights[:, width:, :width].mT.contiguous(),
            weights[:, : 3 * width, width:-1].mT.contiguous(),
        )
        at_parts = torch.empty_like(parts[0])
        (at_new,), (at_gates,), (at_reset,), (at_stay,), (at_old,) = _divide(at_parts[None])
        turned, behind_input, behind_state = at_parts.mT, at_parts[:, : 3 * width], at_parts[:, width:]
        states = entered[:, :, :width].unbind()
        news, gates, resets, stays, olds = _divide(parts)
        lying, slope = entered.unbind(), slopes.unbind(len(parts))
        at_state = slopes.begin(at_new)
        spare = torch.empty_like(at_state)
        with torch.inference_mode():
            for step in range(len(parts) - 1, -1, -1):
                if (more := slope[step]) is not None:
                    at_state.add_(more)
                new = news[step]
                torch.sub(states[step], new, out=at_stay).mul_(at_state)
                torch.mul(at_state, stays[step], out=spare)
                aten.tanh_backward.grad_input(torch.sub(at_state, spare, out=at_new), new, grad_input=at_new)
                torch.mul(at_new, resets[step], out=at_old)
                torch.mul(at_new, olds[step], out=at_reset)
                aten.sigmoid_backward.grad_input(at_gates, gates[step], grad_input=at_gates)
                at_weights.baddbmm_(lying[step], turned)
                if at_entered is not None:
                    torch.bmm(from_input, behind_input, out=at_entered[step])
                at_state, spare = spare.baddbmm_(from_state, behind_state), at_state
        return at_entered, at_weights.mT

    @staticmethod
    def take_plainly(inputs: Tensor, weights: Tensor) -> Tensor:
        """See Steps."""
        runs, _, samples, _ = inputs.shape
        state = inputs.new_zeros(runs, samples, weights.shape[1] // 4)
        states = []
        for entered in inputs.unbind(1):
            whole = torch.cat([state, entered, entered.new_ones(runs, samples, 1)], dim=2)
            new, reset, stay, old = (whole @ weights.transpose(1, 2)).chunk(4, dim=2)
            new = (new + reset.sigmoid() * old).tanh()
            state = new + stay.sigmoid() * (state - new)
            states.append(state)
        return torch.stack(states, dim=1)


def _divide(parts: Tensor) -> tuple[tuple[Tensor, ...], ...]:
    """Of `[step, run, 4 * width, sample]` those of each step: the new state, both gates, r, z, and the state's part."""
    width = parts.shape[2] // 4
    new, gates, old = parts.split_with_sizes([width, 2 * width, width], dim=2)
    reset, stay = gates.chunk(2, dim=2)
    return new.unbind(), gates.unbind(), reset.unbind(), stay.unbind(), old.unbind()
