"""Modules for the activations of `trainlab.config.activations`."""

from __future__ import annotations

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
RECTIFIERS: frozenset[str] = frozenset((*(row.module for row in ACTIVATIONS.values() if row.rectifies), "ReLURNNLayers"))
"""Classes whose units can die."""
