"""Inputs that are all the same, without a target."""

from __future__ import annotations

import torch

from trainlab.config.data import Ones
from trainlab.data._samples import Samples


def draw(spec: Ones) -> Samples:
    """`samples` rows of `features` times `value`."""
    return Samples(inputs=torch.full((spec.samples, spec.features), spec.value), target=None)
