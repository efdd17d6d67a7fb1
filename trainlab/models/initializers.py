"""Initial weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from trainlab.config.activations import ACTIVATIONS
from trainlab.config.initialization import Constant, Init, Isometric, Normal, RecurrentInit, Scaled, Uniform


def initialize(module: nn.Module, init: Init, activation: str, parts: int = 1) -> None:
    """Set the weights of one layer in place, drawing from torch's global stream.

    Args:
        module: a layer; what has no weight matrix or filter (a normalisation, an activation) is left alone.
        init: the rule; `default` keeps what torch has drawn.
        activation: the activation after this layer, for `auto`.
        parts: matrices that lie on top of each other in the weight, as those of queries, keys and values.
    """
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if not isinstance(weight, Tensor) or weight.dim() < 2:
        return
    with torch.no_grad():
        if init.name != "default":
            fill(weight, init, activation, parts)
        if isinstance(bias, Tensor):
            fill_bias(bias, init)


def fill_bias(bias: Tensor, init: Init) -> None:
    """Fill a bias: with what the rule says, else with 0; under `default` it stays as torch has drawn it."""
    if init.bias is not None or init.name != "default":
        bias.fill_(init.bias or 0.0)


def fill(weight: Tensor, init: Init, activation: str, parts: int = 1) -> None:
    """Fill one weight `[out, in, ...]` by the rule, each of its `parts` `[out/parts, in, ...]` by itself.

    `default` is no rule of its own: what torch has drawn stays.
    """
    if init.name != "default":
        for part in weight.chunk(parts):
            _fill_part(part, init, activation)


def fill_recurrent(weight: Tensor, recurrent_init: RecurrentInit, init: Init, activation: str, gates: int) -> None:
    """Fill the weights `[gate * width, width]` from step to step, each gate by itself."""
    if not isinstance(recurrent_init, Isometric):
        fill(weight, init, activation, gates)
        return
    for part in weight.chunk(gates):
        if recurrent_init.name == "identity":
            part.zero_().fill_diagonal_(recurrent_init.gain)
        else:
            nn.init.orthogonal_(part, recurrent_init.gain)


def _fill_part(weight: Tensor, init: Init, activation: str) -> None:
    row = ACTIVATIONS.get(activation)
    match init:
        case Constant(value=value):
            weight.fill_(value)
        case Normal(mean=mean, std=std):
            weight.normal_(mean, std)
        case Uniform(low=low, high=high):
            weight.uniform_(low, high)
        case Scaled(name=name, gain=gain):
            if gain == "auto":
                gain = row.gain if row else 1.0
                gain = gain / math.sqrt(2) if name.startswith("he_") else gain
            if name == "orthogonal":
                nn.init.orthogonal_(weight, gain)
            else:
                fill_scaled(weight, name, gain)
        case _ if init.name == "zeros":
            weight.zero_()
        case _:
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
