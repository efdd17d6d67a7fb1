"""Mean absolute raw gradient of each parameter, `[run, parameter]`."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.step import Step

EVERY = "sample"


def measure(step: Step) -> Tensor:
    """Mean |g_i| for each parameter."""
    return torch.stack([part.abs().mean(dim=1) for part in step.layout.split(step.raw)], dim=1)
