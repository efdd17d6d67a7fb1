"""Share of the raw gradient of each parameter that is exactly 0, `[run, parameter]`."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.step import Step

EVERY = "sample"


def measure(step: Step) -> Tensor:
    """Between 0 and 1 for each parameter."""
    return torch.stack([(part == 0).to(part.dtype).mean(dim=1) for part in step.layout.split(step.raw)], dim=1)
