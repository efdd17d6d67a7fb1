"""Fully connected networks."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from trainlab.config.model import MLP, BatchNorm, NoNorm, Norm
from trainlab.models.activations import build_activation
from trainlab.models.dropout import Dropout
from trainlab.models.initializers import initialize


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


def build(spec: MLP, features: int, outputs: int | None) -> nn.Module:
    """The network of `spec`, initialised from torch's global stream."""
    widths = list(spec.width) if isinstance(spec.width, tuple) else [spec.width] * (spec.layers - 1)
    last = spec.outputs or outputs or (widths[-1] if widths else spec.width)
    assert isinstance(last, int)
    sizes = [features, *widths, last]
    blocks: list[list[nn.Module]] = []
    entrance = _norm(spec.input_norm, features) + _dropout(spec.input_dropout)
    if entrance:
        blocks.append(entrance)
    adds = [False] * len(blocks)  # what stands before the first layer is no layer
    for index, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        is_last = index == spec.layers - 1
        # A sum behind a sigmoid or softmax would leave the range that they are there for.
        adds.append(spec.residual and fan_in == fan_out and not (is_last and spec.output not in ("none", "same")))
        activation = spec.activation
        if is_last and spec.output != "same":
            activation = "identity" if spec.output == "none" else spec.output
        linear = nn.Linear(fan_in, fan_out, bias=spec.bias)
        initialize(linear, spec.init, activation)
        act = [] if is_last and spec.output == "none" else [build_activation(activation)]
        norm = [] if is_last and spec.output != "same" else _norm(spec.norm, fan_out)
        after = getattr(spec.norm, "place", "before") == "after"
        drop = [] if is_last else _dropout(spec.dropout)
        blocks.append([linear, *(act + norm if after else norm + act), *drop])
    return FullyConnected(blocks, adds)


def _norm(norm: Norm, features: int) -> list[nn.Module]:
    match norm:
        case NoNorm():
            return []
        case BatchNorm():
            return [nn.BatchNorm1d(features, eps=norm.eps, momentum=norm.momentum, affine=norm.affine)]
        case _ if norm.name == "layer":
            return [nn.LayerNorm(features, eps=norm.eps, elementwise_affine=norm.affine)]
        case _:
            return [nn.RMSNorm(features, eps=norm.eps, elementwise_affine=norm.affine)]


def _dropout(share: float) -> list[nn.Module]:
    return [Dropout(share)] if share else []
