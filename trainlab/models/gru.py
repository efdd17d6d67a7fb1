"""Gated recurrent units (Cho et al., 2014)."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from trainlab.config.model import Gated, View
from trainlab.models._recurrent import LayerWeights, Recurrent, RecurrentLayers
from trainlab.models._sizes import Sizes

VIEW: View = "sequence"


class GRULayers(RecurrentLayers):
    """h_t = z h_(t-1) + (1 - z) tanh(W x_t + b + r (U h_(t-1) + c)), with the gates r, z in 0 to 1, as `torch.nn.GRU`."""

    GATES = 3

    def scan(self, inputs: Tensor, weights: LayerWeights) -> Tensor:
        """See RecurrentLayers."""
        width = self.width
        hidden, states = inputs.new_zeros(inputs.shape[1], width), []
        for entered in F.linear(inputs, weights.weight_ih, weights.bias_ih).unbind():
            kept = F.linear(hidden, weights.weight_hh, weights.bias_hh)
            # The sigmoid works on columns of a wider matrix, row by row: see `trainlab.models._recurrent`
            reset, stay = (entered + kept)[:, : 2 * width].sigmoid().chunk(2, dim=1)
            new = (entered[:, 2 * width :] + reset * kept[:, 2 * width :]).tanh()
            hidden = new + stay * (hidden - new)
            states.append(hidden)
        return torch.stack(states)


def build(spec: Gated, sizes: Sizes) -> nn.Module:
    """The network of `spec`, initialised from torch's global stream."""
    return Recurrent(spec, GRULayers, sizes, "identity")
