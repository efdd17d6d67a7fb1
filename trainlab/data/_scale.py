"""Features of mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def fit_scale(inputs: Tensor) -> Callable[[Tensor], Tensor]:
    """The function that gives each feature of `inputs` mean 0 and variance 1; of a sequence's, over all samples and steps.

    A feature that never changes is only centred.
    """
    over = (0, 1) if inputs.dim() == 3 else (0,)
    mean = inputs.mean(dim=over)
    std = inputs.std(dim=over, unbiased=False)
    std = torch.where(std > 0, std, torch.ones_like(std))
    return lambda values: (values - mean) / std
