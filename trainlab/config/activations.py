"""The table of activations: to add one is to add a row. Plain data; `trainlab.models` makes modules of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Activation:
    """What the program knows of one activation.

    Attributes:
        module: its class in `torch.nn`.
        initializer: what `init: auto` means beside it. Glorot for sigmoid, tanh and none; He for ReLU and its variants;
            LeCun for SELU (Klambauer et al., 2017).
        bounds: the values it saturates at, where it does (lowest, highest).
        rectifies: negative inputs give exactly 0 and no gradient, so that a unit can die.
    """

    module: str
    initializer: str = "xavier_uniform"
    bounds: tuple[float, float] | None = None
    rectifies: bool = False


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation("Identity"),
    "sigmoid": Activation("Sigmoid", bounds=(0.0, 1.0)),
    "tanh": Activation("Tanh", bounds=(-1.0, 1.0)),
    "relu": Activation("ReLU", "he_normal", rectifies=True),
    "leaky_relu": Activation("LeakyReLU", "he_normal"),
    "prelu": Activation("PReLU", "he_normal"),
    "elu": Activation("ELU", "he_normal"),
    "selu": Activation("SELU", "lecun_normal"),
    "gelu": Activation("GELU", "he_normal"),
    "silu": Activation("SiLU", "he_normal"),
    "softplus": Activation("Softplus", "he_normal"),
    "softsign": Activation("Softsign", bounds=(-1.0, 1.0)),
    "hardtanh": Activation("Hardtanh", bounds=(-1.0, 1.0)),
    "relu6": Activation("ReLU6", "he_normal", rectifies=True),
}
