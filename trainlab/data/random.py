"""Standard normal inputs with class labels drawn at random."""

from __future__ import annotations

import torch

from trainlab.config.data import Random
from trainlab.data._samples import Samples


def draw(spec: Random) -> Samples:
    """Inputs N(0, 1), labels uniform over the classes."""
    stream = torch.Generator().manual_seed(spec.seed)
    inputs = torch.randn(spec.samples, spec.features, generator=stream)
    target = torch.randint(spec.classes, (spec.samples,), generator=stream)
    return Samples(inputs=inputs, target=target, classes=spec.classes)
