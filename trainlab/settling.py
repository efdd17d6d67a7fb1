"""When a loss curve settles, and how far it swings at its end."""

from __future__ import annotations

import numpy as np

from trainlab.report import Series


def find_settling_epoch(loss: Series) -> int | None:
    """The 2 % settling time in epochs, counted from 1.

    The smallest epoch from which the loss stays within 2 % of (first - last) of its last value, last being the median over the
    final 10 % of the epochs. None if that is later than 90 % of the epochs, if last is not below first, or if a value is not
    finite.
    """
    values = loss.values
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    last = float(np.median(values[-max(1, len(values) // 10) :]))
    if last >= values[0]:
        return None
    outside = np.flatnonzero(np.abs(values - last) > 0.02 * (values[0] - last))
    first_inside = int(outside[-1]) + 1 if len(outside) else 0
    return int(loss.at[first_inside]) if 10 * (first_inside + 1) <= 9 * len(values) else None


def find_final_swing(loss: Series) -> tuple[float, float] | None:
    """Lowest and highest loss over the final 10 % of the epochs; None if a value there is not finite, or there is none."""
    tail = loss.values[-max(1, len(loss.values) // 10) :]
    if not len(tail) or not np.isfinite(tail).all():
        return None
    return float(tail.min()), float(tail.max())
