"""Modules for the activations of `trainlab.config.activations`."""

from __future__ import annotations

import math

from torch import nn

from trainlab.config.activations import ACTIVATIONS


def build_activation(name: str) -> nn.Module:
    """A new module for the activation `name`; `softmax` goes over the last dimension."""
    if name == "softmax":
        return nn.Softmax(dim=-1)
    module: nn.Module = getattr(nn, ACTIVATIONS[name].module)()
    return module


NAMES: dict[str, str] = {row.module: name for name, row in ACTIVATIONS.items() if name != "identity"}
BOUNDS: dict[str, tuple[float, float]] = {
    **{row.module: row.bounds for row in ACTIVATIONS.values() if row.bounds},
    "TanhRNNLayers": (-1.0, 1.0),
}
"""By class, what its outputs saturate at."""
RANGES: dict[str, tuple[float, float]] = {
    **BOUNDS,
    **dict.fromkeys(("ReLU", "Softplus"), (0.0, math.inf)),
    **dict.fromkeys(("LogSigmoid", "LogSoftmax"), (-math.inf, 0.0)),
    **dict.fromkeys(("Softmax", "Softmin"), (0.0, 1.0)),
    "ReLU6": (0.0, 6.0),
    "ELU": (-1.0, math.inf),
    "CELU": (-1.0, math.inf),
    "SELU": (-1.7580993408473766, math.inf),
    "GELU": (-0.17, math.inf),
    "SiLU": (-0.2785, math.inf),
    "Mish": (-0.3089, math.inf),
    "Hardswish": (-0.375, math.inf),
}
"""By class, the lowest and highest output that it can give, where there is one; with torch's default arguments."""
RECTIFIERS: frozenset[str] = frozenset((*(row.module for row in ACTIVATIONS.values() if row.rectifies), "ReLURNNLayers"))
"""Classes whose units can die."""
