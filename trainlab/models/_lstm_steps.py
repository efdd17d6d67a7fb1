"""All steps of an LSTM layer, forward and backward written by hand on stacked tensors.

See `trainlab.models._steps`, which says how the tensors lie.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.models._steps import Steps, enter

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
        return entered[1:, :, :width].permute(1, 0, 3, 2), entered, gates, cells, curbed

    @staticmethod
    def differentiate(slope: Tensor, weights: Tensor, *kept: Tensor) -> tuple[Tensor, Tensor]:
        """See Steps."""
        entered, gates, cells, curbed = kept
        width = weights.shape[1] // 4
        at_weights, at_entered = torch.zeros_like(weights), torch.empty_like(entered[:-1])
        at_gates, transposed = torch.empty_like(gates[0]), weights.transpose(1, 2)
        at_take, at_keep, at_new, at_out = at_gates.chunk(4, dim=1)
        at_state, at_cell = slope[-1], torch.zeros_like(cells[0])
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
                at_state = at_entered[step, :, :width] + slope[step - 1]
        return at_entered, at_weights

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
