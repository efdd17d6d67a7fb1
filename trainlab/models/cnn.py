"""Convolutional networks."""

from __future__ import annotations

from torch import nn

from trainlab.config.model import CNN, View
from trainlab.models._parts import build_dropout, build_image_norm, build_output, count_units, gather
from trainlab.models._row import Row
from trainlab.models._sizes import Sizes
from trainlab.models.activations import build_activation
from trainlab.models.initializers import initialize

VIEW: View = "image"


def build(spec: CNN, sizes: Sizes) -> nn.Module:
    """The network of `spec` for `[sample, channel, height, width]`, initialised from torch's global stream."""
    widths = spec.width if isinstance(spec.width, tuple) else (spec.width,) * (spec.layers - 1)
    channels, height, width = sizes.shape
    modules: list[nn.Module] = []
    for wide in widths:
        convolution = nn.Conv2d(channels, wide, spec.kernel, padding=spec.kernel // 2, bias=spec.bias)
        initialize(convolution, spec.init, spec.activation)
        activation, norm = build_activation(spec.activation), build_image_norm(spec.norm, wide)
        after = getattr(spec.norm, "place", "before") == "after"
        pool: nn.Module | None = None
        if spec.pooling != "none" and min(height, width) >= 2:
            pool = nn.MaxPool2d(2) if spec.pooling == "max" else nn.AvgPool2d(2)
            height, width = height // 2, width // 2
        modules += gather(convolution, *((activation, norm) if after else (norm, activation)), pool, build_dropout(spec.dropout))
        channels = wide
    size = channels * height * width
    units = count_units(spec.outputs, sizes, channels)
    output = build_output(size, units, bias=spec.bias, init=spec.init, output=spec.output, activation=spec.activation)
    return Row([*modules, nn.Flatten(), *gather(*output)])
