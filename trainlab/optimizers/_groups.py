"""Groups of parameters with a rate of their own, a fixed multiple of the run's."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.optimizer import Optimizer
from trainlab.step import Layout


def find_scales(specs: Sequence[Optimizer], layout: Layout, like: Tensor) -> Tensor | None:
    """The factor on the rate of each weight, `[run, total]` in the number format of `like`; None if no run has groups."""
    if not any(spec.groups for spec in specs):
        return None
    by_parameter = [[_find_scale(spec, name) for name in layout.names] for spec in specs]
    sizes = torch.tensor(layout.sizes, device=like.device)
    return torch.tensor(by_parameter, dtype=torch.float64).to(like).repeat_interleave(sizes, dim=1)


def list_unmatched(spec: Optimizer, layout: Layout) -> list[str]:
    """The patterns of the groups that no parameter has."""
    return [group.match for group in spec.groups if not any(fnmatch.fnmatchcase(name, group.match) for name in layout.names)]


def _find_scale(spec: Optimizer, name: str) -> float:
    return next((group.lr_scale for group in spec.groups if fnmatch.fnmatchcase(name, group.match)), 1.0)
