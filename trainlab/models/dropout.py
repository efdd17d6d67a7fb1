"""Dropout whose mask comes from outside."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al., 2014): in training, values times a mask of 0 and 1/(1 - share); at rest, as they are.

    The mask is a buffer that the engine fills before each update, from the run's own stream: torch's dropout draws from one stream
    for all runs of a stack, so that a run would depend on its neighbours. Left alone, the mask is 1.
    """

    mask: Tensor

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.register_buffer("mask", torch.ones(()), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, ...]`, the mask of the same shape."""
        return inputs * self.mask.to(inputs.dtype) if self.training else inputs

    def extra_repr(self) -> str:
        """The share dropped."""
        return f"share={self.share}"
