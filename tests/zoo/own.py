"""Data and a loss of somebody's own: a target of one number a sample, `[sample]`, where networks put out `[sample, 1]`."""

from __future__ import annotations

import torch
from torch import Tensor

Samples = tuple[Tensor, Tensor]


def line() -> Samples:
    """A straight line."""
    stream = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 3, generator=stream)
    return inputs, inputs @ torch.tensor([1.0, -2.0, 0.5]) + 0.1 * torch.randn(200, generator=stream)


def sums() -> Samples:
    """Sequences of eight numbers, and what they come to."""
    inputs = torch.rand(600, 8, 2, generator=torch.Generator().manual_seed(0))
    return inputs, inputs[:, :, 0].sum(dim=1) - 4


def brightness() -> Samples:
    """Pictures, and how bright their upper half is."""
    inputs = torch.rand(600, 8, 8, generator=torch.Generator().manual_seed(0))
    return inputs, 10 * (inputs[:, :4].mean(dim=(1, 2)) - 0.5)


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Of each sample by itself, whatever the shapes."""
    return (output.reshape(target.shape) - target).square().mean()
