"""A straight line with noise."""

from __future__ import annotations

import torch

from trainlab.config.data import Linear
from trainlab.data._samples import Samples

OWN = ("noise", "outliers")


def draw(spec: Linear) -> Samples:
    """X uniform in [0, 1), y = slope x + intercept + noise N(0, 1); the first `outliers` share of targets is `outlier_value`."""
    stream = torch.Generator().manual_seed(spec.seed)
    inputs = torch.rand(spec.samples, 1, generator=stream)
    target = spec.slope * inputs + spec.intercept + spec.noise * torch.randn(spec.samples, 1, generator=stream)
    target[: round(spec.outliers * spec.samples)] = spec.outlier_value
    return Samples(inputs=inputs, target=target)
