"""Gradient clipping, by value and by norm, a threshold of its own for each run."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import norm_rows


def clip_by_value(gradient: Tensor, threshold: Tensor) -> Tensor:
    """Cut every number to [-threshold, threshold], as `torch.nn.utils.clip_grad_value_` does. Turns the gradient.

    Args:
        gradient: `[run, size]`.
        threshold: `[run, 1]`; infinity leaves a run as it is.
    """
    return torch.minimum(torch.maximum(gradient, -threshold), threshold)


def clip_by_norm(gradient: Tensor, norm: Tensor, threshold: Tensor) -> Tensor:
    """Shorten each row to the length `threshold` where it is longer; the direction stays.

    The factor is that of `torch.nn.utils.clip_grad_norm_`, threshold / (norm + 1e-6), at most 1. Unlike there, a gradient whose
    norm would overflow is shortened too, not zeroed: `norm` comes from `norm_rows`, and where even the norm itself is too large a
    number, it is taken of a smaller multiple.

    Args:
        gradient: `[run, size]`.
        norm: `[run, 1]` norms of the rows.
        threshold: `[run, 1]`; infinity leaves a run as it is.
    """
    overflowed = torch.isinf(norm) & torch.isfinite(threshold)
    if not norm.is_cpu or bool(overflowed.any()):  # elsewhere looking would cost a synchronisation
        smaller = gradient * 2.0**-64
        gradient = torch.where(overflowed, smaller, gradient)
        norm = torch.where(overflowed, norm_rows(smaller)[:, None], norm)
    factor = (threshold / (norm + 1e-6)).clamp(max=1.0)
    return gradient * torch.where(torch.isinf(threshold), 1.0, factor)
