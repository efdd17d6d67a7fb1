"""Long short-term memory (Hochreiter & Schmidhuber, 1997; with the forget gate of Gers et al., 2000)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainlab.config.model import Gated, View
from trainlab.models._lstm_steps import LSTMSteps
from trainlab.models._recurrent import LayerWeights, Recurrent, RecurrentLayers
from trainlab.models._sizes import Sizes
from trainlab.models._steps import take_steps

VIEW: View = "sequence"


class LSTMLayers(RecurrentLayers):
    """c_t = f c_(t-1) + i tanh(g), h_t = o tanh(c_t), with the gates i, f, o in 0 to 1, as `torch.nn.LSTM`."""

    GATES = 4
    STACKS = True

    def scan(self, inputs: Tensor, weights: LayerWeights) -> tuple[Tensor, Tensor]:
        """See RecurrentLayers."""
        bias = weights.weight_hh.new_zeros(weights.weight_hh.shape[:-1]) if weights.bias is None else weights.bias
        return take_steps(LSTMSteps, inputs, torch.cat([weights.weight_hh, weights.weight_ih, bias[..., None]], dim=-1))


def build(spec: Gated, sizes: Sizes) -> nn.Module:
    """The network of `spec`, initialised from torch's global stream."""
    return Recurrent(spec, LSTMLayers, sizes, "identity")
