"""Which modules behave otherwise in evaluation than in training, and how a model is set."""

from __future__ import annotations

from typing import Any


def list_sensitive(model: Any) -> list[Any]:
    """Modules of `model` whose output depends on `training`: batch statistics, and dropout above 0."""
    from torch import nn

    found = []
    for module in model.modules():
        kind = type(module)
        if issubclass(kind, nn.modules.batchnorm._NormBase):
            sensitive = module.track_running_stats
        elif issubclass(kind, nn.modules.dropout._DropoutNd):
            sensitive = module.p > 0
        elif issubclass(kind, nn.RNNBase | nn.MultiheadAttention):
            sensitive = float(module.dropout) > 0
        else:
            sensitive = False
        if sensitive:
            found.append(module)
    return found
