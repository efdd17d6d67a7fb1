"""The adding problem."""

from __future__ import annotations

import torch

from trainlab.config.data import Adding
from trainlab.data._samples import Samples


def draw(spec: Adding) -> Samples:
    """Sequences of numbers and marks `[sample, step, 2]`, and the sum of the two marked numbers of each `[sample, 1]`.

    Hochreiter & Schmidhuber (1997), with numbers in [0, 1) and a mark in either half, as Le et al. (2015).
    """
    stream = torch.Generator().manual_seed(spec.seed)
    values = torch.rand(spec.samples, spec.length, generator=stream)
    half = spec.length // 2
    first = torch.randint(half, (spec.samples,), generator=stream)
    second = torch.randint(half, spec.length, (spec.samples,), generator=stream)
    marks = torch.zeros_like(values)
    rows = torch.arange(spec.samples)
    marks[rows, first] = marks[rows, second] = 1.0
    return Samples(inputs=torch.stack([values, marks], dim=2), target=(values * marks).sum(dim=1, keepdim=True))
