"""Initial weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from trainlab.config.activations import ACTIVATIONS
from trainlab.config.model import Constant, Init, Normal, Scaled, Uniform


def initialize(module: nn.Module, init: Init, activation: str) -> None:
    """Set the weights of one layer in place, drawing from torch's global stream.

    Args:
        module: a layer; what has no weight matrix or filter (a normalisation, an activation) is left alone.
        init: the rule; `default` keeps what torch has drawn.
        activation: the activation after this layer, for `auto`.
    """
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if not isinstance(weight, Tensor) or weight.dim() < 2:
        return
    with torch.no_grad():
        if init.name != "default":
            fill(weight, init, activation)
        if isinstance(bias, Tensor) and (init.bias is not None or init.name != "default"):
            bias.fill_(init.bias or 0.0)


def fill(weight: Tensor, init: Init, activation: str) -> None:
    """Fill one weight `[out, in, ...]` by the rule."""
    match init:
        case Constant(value=value):
            weight.fill_(value)
        case Normal(mean=mean, std=std):
            weight.normal_(mean, std)
        case Uniform(low=low, high=high):
            weight.uniform_(low, high)
        case Scaled(name="orthogonal", gain=gain):
            nn.init.orthogonal_(weight, gain)
        case Scaled(name=name, gain=gain):
            fill_scaled(weight, name, gain)
        case _ if init.name == "zeros":
            weight.zero_()
        case _:
            row = ACTIVATIONS.get(activation)
            fill_scaled(weight, row.initializer if row else "xavier_uniform", 1.0)


def fill_scaled(weight: Tensor, name: str, gain: float) -> None:
    """Xavier, He or LeCun, uniform or normal: variance gain^2 times 1/fan_avg, 2/fan_in or 1/fan_in."""
    fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(weight)
    family, _, shape = name.rpartition("_")
    variance = {"xavier": 2.0 / (fan_in + fan_out), "he": 2.0 / fan_in, "lecun": 1.0 / fan_in}[family]
    std = gain * math.sqrt(variance)
    if shape == "normal":
        weight.normal_(0.0, std)
    else:
        weight.uniform_(-math.sqrt(3.0) * std, math.sqrt(3.0) * std)
