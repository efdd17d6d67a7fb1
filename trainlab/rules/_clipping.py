"""Which updates were clipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainlab.report import Trace
from trainlab.rules._series import read

ROUNDING = 1e-5  # relative; float32 norms of the same gradient differ by less
TURNED = 1e-3  # degrees


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipped:
    """What clipping did, over the updates whose norms are numbers.

    Attributes:
        total: `[update]`: norm of the raw gradient.
        angle: `[update]`: degrees between raw and used gradient; 0 where not defined.
        cut: `[update]`: whether the gradient was changed beyond rounding.
    """

    total: np.ndarray
    angle: np.ndarray
    cut: np.ndarray


def read_clipped(trace: Trace) -> Clipped:
    """The updates of the run; empty if norms and angles were not measured."""
    total, used, angle = (read(trace, name) for name in ("total-norm", "used-norm", "clip-angle"))
    if not len(total) == len(used) == len(angle):
        total = used = angle = np.empty(0)
    known = ~(np.isnan(total) | np.isnan(used))
    total, used, angle = total[known], used[known], np.nan_to_num(angle[known])
    return Clipped(total=total, angle=angle, cut=(used < total * (1 - ROUNDING)) | (angle > TURNED))
