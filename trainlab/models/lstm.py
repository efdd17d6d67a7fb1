"""Long short-term memory (Hochreiter & Schmidhuber, 1997; with the forget gate of Gers et al., 2000)."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from trainlab.config.model import Gated, View
from trainlab.models._recurrent import LayerWeights, Recurrent, RecurrentLayers
from trainlab.models._sizes import Sizes

VIEW: View = "sequence"


class LSTMLayers(RecurrentLayers):
    """c_t = f c_(t-1) + i tanh(g), h_t = o tanh(c_t), with the gates i, f, o in 0 to 1, as `torch.nn.LSTM`."""

    GATES = 4

    def scan(self, inputs: Tensor, weights: LayerWeights) -> list[Tensor]:
        """See RecurrentLayers."""
        width = self.width
        hidden = cell = inputs.new_zeros(inputs.shape[1], width)
        states = []
        for entered in F.linear(inputs, weights.weight_ih, weights.bias).unbind():
            both, new, out = (entered + hidden @ weights.weight_hh.T).split_with_sizes([2 * width, width, width], dim=1)
            # The sigmoids work on columns of a wider matrix, row by row: see `trainlab.models._recurrent`
            take, keep = both.sigmoid().chunk(2, dim=1)
            cell = keep * cell + take * new.tanh()
            hidden = out.sigmoid() * cell.tanh()
            states.append(hidden)
        return states


def build(spec: Gated, sizes: Sizes) -> nn.Module:
    """The network of `spec`, initialised from torch's global stream."""
    return Recurrent(spec, LSTMLayers, sizes, "identity")
