"""Recurrent networks without gates (Elman, 1990)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from trainlab.config.model import RNN, View
from trainlab.models._recurrent import LayerWeights, Recurrent, RecurrentLayers
from trainlab.models._sizes import Sizes

VIEW: View = "sequence"


class TanhRNNLayers(RecurrentLayers):
    """h_t = tanh(W x_t + b + U h_(t-1) + c), as `torch.nn.RNN`."""

    GATES = 1

    def scan(self, inputs: Tensor, weights: LayerWeights) -> tuple[Tensor, Tensor]:
        """See RecurrentLayers."""
        return _scan(inputs, weights, torch.tanh)


class ReLURNNLayers(RecurrentLayers):
    """h_t = max(0, W x_t + b + U h_(t-1) + c), as `torch.nn.RNN` with `nonlinearity="relu"`."""

    GATES = 1

    def scan(self, inputs: Tensor, weights: LayerWeights) -> tuple[Tensor, Tensor]:
        """See RecurrentLayers."""
        return _scan(inputs, weights, torch.relu)


def build(spec: RNN, sizes: Sizes) -> nn.Module:
    """The network of `spec`, initialised from torch's global stream."""
    return Recurrent(spec, TanhRNNLayers if spec.activation == "tanh" else ReLURNNLayers, sizes, spec.activation)


def _scan(inputs: Tensor, weights: LayerWeights, activate: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    hidden, states = inputs.new_zeros(inputs.shape[1], len(weights.weight_hh)), []
    for entered in F.linear(inputs, weights.weight_ih, weights.bias).unbind():
        hidden = activate(entered + hidden @ weights.weight_hh.T)
        states.append(hidden)
    return torch.stack(states), hidden
