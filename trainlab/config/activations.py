"""The table of activations: to add one is to add a row. Plain data; `trainlab.models` makes modules of it.

It holds every activation of `torch.nn` that maps a tensor to one of the same shape, number by number, without an argument that
must be given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Activation:
    """What the program knows of one activation.

    Attributes:
        module: its class in `torch.nn`.
        initializer: what `init: auto` means beside it. Glorot for sigmoid, tanh, none and what resembles them; He for ReLU and
            its variants; LeCun for SELU (Klambauer et al., 2017).
        bounds: the values it saturates at, where it does (lowest, highest).
        rectifies: negative inputs give exactly 0 and no gradient, so that a unit can die.
        gain: factor on the standard deviation 1/sqrt(fan_in) of the weights behind it, for `gain: auto`. That of
            `torch.nn.init.calculate_gain` where it has one; else 1/sqrt(E[f(z)^2]) for z ~ N(0, 1), which keeps the signal's
            mean square at 1.
    """

    module: str
    initializer: str = "xavier_uniform"
    bounds: tuple[float, float] | None = None
    rectifies: bool = False
    gain: float = 1.0


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation("Identity"),
    "sigmoid": Activation("Sigmoid", bounds=(0.0, 1.0)),
    "tanh": Activation("Tanh", bounds=(-1.0, 1.0), gain=5 / 3),
    "relu": Activation("ReLU", "he_normal", rectifies=True, gain=math.sqrt(2)),
    "leaky_relu": Activation("LeakyReLU", "he_normal", gain=math.sqrt(2 / (1 + 0.01**2))),
    "prelu": Activation("PReLU", "he_normal", gain=math.sqrt(2 / (1 + 0.25**2))),
    "rrelu": Activation("RReLU", "he_normal", gain=1.376112),
    "elu": Activation("ELU", "he_normal", gain=1.245198),
    "celu": Activation("CELU", "he_normal", gain=1.245198),
    "selu": Activation("SELU", "lecun_normal", gain=0.75),
    "gelu": Activation("GELU", "he_normal", gain=1.533530),
    "silu": Activation("SiLU", "he_normal", gain=1.676532),
    "mish": Activation("Mish", "he_normal", gain=1.486848),
    "hardswish": Activation("Hardswish", "he_normal", gain=1.736657),
    "softplus": Activation("Softplus", "he_normal", gain=1.041867),
    "softsign": Activation("Softsign", bounds=(-1.0, 1.0), gain=2.337533),
    "hardtanh": Activation("Hardtanh", bounds=(-1.0, 1.0), gain=1.392036),
    "hardsigmoid": Activation("Hardsigmoid", bounds=(0.0, 1.0), gain=1.897840),
    "relu6": Activation("ReLU6", "he_normal", rectifies=True, gain=math.sqrt(2)),
    "logsigmoid": Activation("LogSigmoid", "he_normal", gain=1.041867),
    "tanhshrink": Activation("Tanhshrink", gain=2.338368),
    "softshrink": Activation("Softshrink", gain=1.544361),
    "hardshrink": Activation("Hardshrink", gain=1.015797),
}
