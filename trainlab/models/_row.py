"""Modules in a row."""

from __future__ import annotations

from torch import Tensor, nn


class Row(nn.Module):
    """The modules in one Sequential called `model`, so that a parameter is called `model.0.weight` in every kind of network."""

    def __init__(self, modules: list[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*modules)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, ...]` through all modules."""
        return self.model(inputs)  # type: ignore[no-any-return]
