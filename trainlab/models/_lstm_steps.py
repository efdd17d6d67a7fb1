"""All steps of an LSTM layer, forward and backward written by hand on stacked tensors.

See `trainlab.models._steps`, which says how the tensors lie.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.models._steps import Slopes, Steps, enter, show

aten = torch.ops.aten


class LSTMSteps(Steps):
    """`[run, step, sample, feature]` and `[run, 4 * width, width + feature + 1]` to `[run, step, sample, width]`.

    The blocks of the weights are the gates i, f, g, o.
    """

    @staticmethod
    def forward(inputs: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        """The states, and what backward needs of them."""
        runs, steps, samples, _ = inputs.shape
        width = weights.shape[1] // 4
        entered = enter(inputs, width)
        gates = inputs.new_empty(steps, runs, 4 * width, samples)
        cells = inputs.new_zeros(steps + 1, runs, width, samples)
        curbed = inputs.new_empty(steps, runs, width, samples)  # tanh of the cells
        for step in range(steps):
            torch.bmm(weights, entered[step], out=gates[step])
            both, new, out = gates[step].split_with_sizes([2 * width, width, width], dim=1)
            take, keep = both.sigmoid_().chunk(2, dim=1)
            torch.mul(keep, cells[step], out=cells[step + 1]).addcmul_(take, new.tanh_())
            torch.tanh(cells[step + 1], out=curbed[step])
            torch.mul(out.sigmoid_(), curbed[step], out=entered[step + 1, :, :width])
        return *show(entered, width), entered, gates, cells, curbed

    @staticmethod
    def differentiate(slopes: Slopes, weights: Tensor, *kept: Tensor, at_inputs: bool) -> tuple[Tensor | None, Tensor]:
        """See Steps."""
        entered, gates, cells, curbed = kept
        width = weights.shape[1] // 4
        at_weights = weights.new_zeros(weights.mT.shape)  # turned, as the product is faster
        at_entered = torch.empty_like(entered[:-1, :, width:-1]) if at_inputs else None
        from_state, from_input = weights[:, :, :width].mT.contiguous(), weights[:, :, width:-1].mT.contiguous()
        at_gates = torch.empty_like(gates[0])
        at_both, at_new, at_out = at_gates.split_with_sizes([2 * width, width, width], dim=1)
        at_take, at_keep = at_both.chunk(2, dim=1)
        boths = gates[:, :, : 2 * width].unbind()
        takes, keeps, news, outs = (each.unbind() for each in gates.chunk(4, dim=2))
        lying, slope = entered.unbind(), slopes.unbind(len(gates))
        at_state, at_cell = slopes.begin(cells[0]), torch.zeros_like(cells[0])
        spare = torch.empty_like(at_cell)
        for step in range(len(gates) - 1, -1, -1):
            if (more := slope[step]) is not None:
                at_state.add_(more)
            torch.mul(at_state, outs[step], out=spare)
            at_cell.add_(aten.tanh_backward(spare, curbed[step], grad_input=spare))
            torch.mul(at_cell, news[step], out=at_take)
            torch.mul(at_cell, cells[step], out=at_keep)
            aten.sigmoid_backward(at_both, boths[step], grad_input=at_both)
            aten.tanh_backward(torch.mul(at_cell, takes[step], out=at_new), news[step], grad_input=at_new)
            aten.sigmoid_backward(torch.mul(at_state, curbed[step], out=at_out), outs[step], grad_input=at_out)
            at_weights.baddbmm_(lying[step], at_gates.mT)
            if at_entered is not None:
                torch.bmm(from_input, at_gates, out=at_entered[step])
            torch.bmm(from_state, at_gates, out=at_state)
            at_cell.mul_(keeps[step])
        return at_entered, at_weights.mT

    @staticmethod
    def take_plainly(inputs: Tensor, weights: Tensor) -> Tensor:
        """See Steps."""
        runs, _, samples, _ = inputs.shape
        state = cell = inputs.new_zeros(runs, samples, weights.shape[1] // 4)
        states = []
        for entered in inputs.unbind(1):
            whole = torch.cat([state, entered, entered.new_ones(runs, samples, 1)], dim=2)
            take, keep, new, out = (whole @ weights.transpose(1, 2)).chunk(4, dim=2)
            cell = keep.sigmoid() * cell + take.sigmoid() * new.tanh()
            state = out.sigmoid() * cell.tanh()
            states.append(state)
        return torch.stack(states, dim=1)
