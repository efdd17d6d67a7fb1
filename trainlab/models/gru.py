"""Gated recurrent units (Cho et al., 2014)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainlab.config.model import Gated, View
from trainlab.models._gru_steps import GRUSteps
from trainlab.models._recurrent import LayerWeights, Recurrent, RecurrentLayers
from trainlab.models._sizes import Sizes
from trainlab.models._steps import take_steps

VIEW: View = "sequence"


class GRULayers(RecurrentLayers):
    """h_t = z h_(t-1) + (1 - z) tanh(W x_t + b + r (U h_(t-1) + c)), with the gates r, z in 0 to 1, as `torch.nn.GRU`."""

    GATES = 3
    STACKS = True

    def scan(self, inputs: Tensor, weights: LayerWeights) -> tuple[Tensor, Tensor]:
        """See RecurrentLayers."""
        gates = 2 * self.width  # r and z, which see state and input together; what is new sees them apart
        state, entered = weights.weight_hh, weights.weight_ih
        zeros = state.new_zeros(state.shape[:-1])
        state_bias, entered_bias = (zeros if each is None else each for each in (weights.bias_hh, weights.bias_ih))
        from_state = torch.cat([torch.zeros_like(state[..., gates:, :]), state], dim=-2)
        new, both = entered[..., gates:, :], entered[..., :gates, :]
        from_input = torch.cat([new, both, torch.zeros_like(new)], dim=-2)
        bias = torch.cat([entered_bias[..., gates:], (state_bias + entered_bias)[..., :gates], state_bias[..., gates:]], dim=-1)
        return take_steps(GRUSteps, inputs, torch.cat([from_state, from_input, bias[..., None]], dim=-1))


def build(spec: Gated, sizes: Sizes) -> nn.Module:
    """The network of `spec`, initialised from torch's global stream."""
    return Recurrent(spec, GRULayers, sizes, "identity")
