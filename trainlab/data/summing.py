"""Sums of sequences."""

from __future__ import annotations

import torch

from trainlab.config.data import Summing
from trainlab.data._samples import Samples


def draw(spec: Summing) -> Samples:
    """Numbers in [-1/2, 1/2) `[sample, step, 1]`, and the sum of each sequence `[sample, 1]`."""
    stream = torch.Generator().manual_seed(spec.seed)
    values = torch.rand(spec.samples, spec.length, generator=stream) - 0.5
    return Samples(inputs=values[:, :, None], target=values.sum(dim=1, keepdim=True))
