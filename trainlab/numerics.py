"""Norms that neither underflow nor overflow, and angles that are right when small. One row a run."""

from __future__ import annotations

import torch
from torch import Tensor

# Squares of numbers in this range are normal float32 numbers, so that the plain norm is exact to rounding.
_SAFE_LOW, _SAFE_HIGH = 1e-15, 1e15


def norm_rows(rows: Tensor) -> Tensor:
    """Euclidean norm of each row: `[run, size]` to `[run]`, exact where squares would underflow or overflow.

    100 gradients of 1e-23 have the norm 1e-22, and of 1e30 the norm 1e31, in float32 too. A row that holds NaN or infinity has
    the norm NaN or infinity.
    """
    norm: Tensor = torch.linalg.vector_norm(rows, dim=1)
    unsafe = ~((norm > _SAFE_LOW) & (norm < _SAFE_HIGH))
    if norm.is_cpu and not bool(unsafe.any()):  # elsewhere looking would cost a synchronisation
        return norm
    largest = rows.abs().amax(dim=1)
    usable = (largest > 0) & torch.isfinite(largest)
    scale = torch.where(usable, largest, torch.ones_like(largest))
    scaled = scale * torch.linalg.vector_norm(rows / scale[:, None], dim=1)
    return torch.where(unsafe & usable, scaled, torch.where(usable, norm, largest))


def angle_rows(first: Tensor, second: Tensor) -> Tensor:
    """Angle in degrees between the rows of two `[run, size]` tensors, as float64 `[run]`; NaN where a row is zero.

    2 atan(|u - v| / |u + v|) of unit vectors (Kahan, 2006): accurate for tiny angles, where the arc cosine is not. (`torch.atan2`
    would give the last of many rows another last bit than the first.)
    """
    first, second = to_double(first), to_double(second)
    u = first / norm_rows(first)[:, None]
    v = second / norm_rows(second)[:, None]
    return torch.rad2deg(2 * torch.atan(norm_rows(u - v) / norm_rows(u + v)))


def to_double(values: Tensor) -> Tensor:
    """The values in float64, on their own device where it has that, else on the CPU."""
    return (values.cpu() if values.device.type == "mps" else values).double()
