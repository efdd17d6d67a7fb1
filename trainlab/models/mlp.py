"""Fully connected networks."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from trainlab.config.model import MLP, View
from trainlab.models._parts import build_dropout, build_norm, count_units, gather
from trainlab.models._sizes import Sizes
from trainlab.models.activations import build_activation
from trainlab.models.initializers import initialize

VIEW: View = "vector"


class FullyConnected(nn.Module):
    """Layers in one Sequential, so that a parameter is called `model.0.weight`, and a sum around those that `adds` says.

    Attributes:
        lengths: modules of each block: a layer with what follows it, or what stands before the first layer.
        adds: for each block, whether its input is added to its output.
    """

    def __init__(self, blocks: list[list[nn.Module]], adds: list[bool]) -> None:
        super().__init__()
        self.model = nn.Sequential(*(module for block in blocks for module in block))
        self.lengths = [len(block) for block in blocks]
        self.adds = adds

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, feature]` to `[sample, output]`."""
        if not any(self.adds):
            return self.model(inputs)  # type: ignore[no-any-return]
        hidden, start = inputs, 0
        for length, adds in zip(self.lengths, self.adds, strict=True):
            layer = self.model[start : start + length](hidden)
            hidden = hidden + layer if adds else layer
            start += length
        return hidden


def build(spec: MLP, sizes: Sizes) -> nn.Module:
    """The network of `spec`, initialised from torch's global stream."""
    widths = list(spec.width) if isinstance(spec.width, tuple) else [spec.width] * (spec.layers - 1)
    last = count_units(spec.outputs, sizes, widths[-1] if widths else spec.width)  # type: ignore[arg-type]  # a list has entries
    units = [sizes.features, *widths, last]
    blocks: list[list[nn.Module]] = []
    entrance = gather(build_norm(spec.input_norm, sizes.features), build_dropout(spec.input_dropout))
    if entrance:
        blocks.append(entrance)
    adds = [False] * len(blocks)  # what stands before the first layer is no layer
    for index, (fan_in, fan_out) in enumerate(itertools.pairwise(units)):
        is_last = index == spec.layers - 1
        # A sum behind a sigmoid or softmax would leave the range that they are there for.
        adds.append(spec.residual and fan_in == fan_out and not (is_last and spec.output not in ("none", "same")))
        activation = spec.activation
        if is_last and spec.output != "same":
            activation = "identity" if spec.output == "none" else spec.output
        linear = nn.Linear(fan_in, fan_out, bias=spec.bias)
        initialize(linear, spec.init, activation)
        act = None if is_last and spec.output == "none" else build_activation(activation)
        norm = None if is_last and spec.output != "same" else build_norm(spec.norm, fan_out)
        after = getattr(spec.norm, "place", "before") == "after"
        drop = None if is_last else build_dropout(spec.dropout)
        blocks.append(gather(linear, *((act, norm) if after else (norm, act)), drop))
    return FullyConnected(blocks, adds)
