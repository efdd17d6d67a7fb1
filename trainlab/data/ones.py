"""Inputs that are all the same, and so is their target, if they have one."""

from __future__ import annotations

import torch

from trainlab.config.data import Ones
from trainlab.data._samples import Samples


def draw(spec: Ones) -> Samples:
    """`samples` rows of `features` times `value`."""
    target = None if spec.target is None else torch.full((spec.samples, 1), spec.target)
    return Samples(inputs=torch.full((spec.samples, spec.features), spec.value), target=target)
