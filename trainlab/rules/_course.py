"""How a loss moves over the epochs."""

from __future__ import annotations

import numpy as np


def smooth(loss: np.ndarray) -> np.ndarray:
    """Median over windows of a twentieth of the epochs, at least three, so that one lucky epoch is no best."""
    width = min(len(loss), max(3, len(loss) // 20))
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(loss, width), axis=-1))


def find_end(loss: np.ndarray) -> float:
    """Median over the final tenth of the epochs."""
    return float(np.median(loss[-max(1, len(loss) // 10) :]))


def measure_rises(loss: np.ndarray) -> float:
    """Upward movement as a share of all movement: 0 for a loss that falls, 0.5 for one that swings in place."""
    steps = np.diff(loss)
    moved = np.abs(steps).sum()
    return float(steps[steps > 0].sum() / moved) if moved > 0 else 0.0


def extrapolate(before: float, latest: float, last: float) -> float:
    """The fall still to come if each quarter goes on making latest/before of the one before it; infinite if that never slows down.

    A loss above 0 is taken to end there at the latest.
    """
    slowing = latest / before if before > 0 else 1.0
    still = latest * slowing / (1 - slowing) if slowing < 1 else np.inf
    return float(min(still, last) if last > 0 else still)
