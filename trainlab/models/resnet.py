"""Residual networks for small images."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from trainlab.config.model import NoNorm, ResNet, View
from trainlab.models._parts import apply, build_dropout, build_image_norm, build_output, count_units
from trainlab.models._sizes import Sizes
from trainlab.models.activations import build_activation
from trainlab.models.initializers import initialize

VIEW: View = "image"


class Block(nn.Module):
    """Two convolutions and a shortcut around them: act2(norm2(conv2(act1(norm1(conv1(x))))) + shortcut(x))."""

    def __init__(self, spec: ResNet, channels: int, wide: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _build_convolution(spec, channels, wide, stride)
        self.norm1 = build_image_norm(spec.norm, wide)
        self.act1 = build_activation(spec.activation)
        self.drop = build_dropout(spec.dropout)
        self.conv2 = _build_convolution(spec, wide, wide, 1)
        self.norm2 = build_image_norm(spec.norm, wide)
        self.act2 = build_activation(spec.activation)
        self.residual, self.stride, self.more = spec.residual, stride, wide - channels

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, channel, height, width]` to `[sample, wide, height / stride, width / stride]`."""
        hidden = apply(self.drop, self.act1(apply(self.norm1, self.conv1(inputs))))
        hidden = apply(self.norm2, self.conv2(hidden))
        if self.residual:
            hidden = hidden + self._shorten(inputs)
        return self.act2(hidden)  # type: ignore[no-any-return]

    def _shorten(self, inputs: Tensor) -> Tensor:
        """Every `stride`-th pixel, and channels of zeros behind those there are."""
        if self.stride > 1:
            inputs = inputs[:, :, :: self.stride, :: self.stride]
        return F.pad(inputs, (0, 0, 0, 0, 0, self.more)) if self.more else inputs


class Residual(nn.Module):
    """A convolution, the blocks of all stages, the mean over the pixels, and the output layer."""

    def __init__(self, spec: ResNet, sizes: Sizes) -> None:
        super().__init__()
        first, *_, last = (*spec.stages, spec.stages[-1])
        self.conv = _build_convolution(spec, sizes.shape[0], first, 1)
        self.norm = build_image_norm(spec.norm, first)
        self.act = build_activation(spec.activation)
        blocks, channels = [], first
        for stage, wide in enumerate(spec.stages):
            for block in range(spec.blocks):
                blocks.append(Block(spec, channels, wide, 2 if stage and not block else 1))
                channels = wide
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        units = count_units(spec.outputs, sizes, last)
        self.head, self.output = build_output(
            last, units, bias=spec.bias, init=spec.init, output=spec.output, activation=spec.activation
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, channel, height, width]` to `[sample, output]`."""
        hidden = self.blocks(self.act(apply(self.norm, self.conv(inputs))))
        return apply(self.output, self.head(self.flatten(self.pool(hidden))))


def build(spec: ResNet, sizes: Sizes) -> nn.Module:
    """The network of `spec`, initialised from torch's global stream."""
    return Residual(spec, sizes)


def _build_convolution(spec: ResNet, channels: int, wide: int, stride: int) -> nn.Module:
    bias = spec.bias and isinstance(spec.norm, NoNorm)
    convolution = nn.Conv2d(channels, wide, 3, stride=stride, padding=1, bias=bias)
    initialize(convolution, spec.init, spec.activation)
    return convolution
