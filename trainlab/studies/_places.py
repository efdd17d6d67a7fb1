"""How a run came to rest, and what its rate and its optimizer allow: what `landscape` reads from a trace beside the curvatures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainlab.config.optimizer import SGD
from trainlab.report import Trace

STILL = 0.02  # of the range of the loss: it stands still as long as it moves no further
FALLS = 0.15  # of the range: it has left where it stood once it is as far below
LEAST = 5  # epochs that a halt lasts at least
SHARE = 0.1  # of the epochs until the run settles: likewise
SWINGS = 0.01  # of the loss: less is no swing
UPWARDS = 0.35  # of all movement: where less of it is upwards, the loss falls


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Where the loss stood still for a while before it went on falling.

    Attributes:
        first: epoch, counted from 1; last: likewise.
        loss: there.
    """

    first: int
    last: int
    loss: float


def find_halt(trace: Trace) -> Halt | None:
    """The longest halt of a run; None where it had none that it left."""
    loss = _read_loss(trace)
    if len(loss) <= LEAST or not np.ptp(loss):
        return None
    span, best = float(np.ptp(loss)), None
    settled = int(np.argmax(loss <= loss.min() + STILL * span))
    for first in range(settled):
        moved = np.abs(loss[first:] - loss[first]) > STILL * span
        length = int(np.argmax(moved)) if moved.any() else 0
        is_long = length >= max(LEAST, SHARE * settled) and (best is None or length > best.last - best.first + 1)
        if is_long and loss[first + length :].min() < loss[first] - FALLS * span:
            best = Halt(first=first + 1, last=first + length, loss=float(np.median(loss[first : first + length])))
    return best


def find_swing(trace: Trace) -> tuple[float, float] | None:
    """Between which losses the last tenth of the epochs swings; None where they fall, or stand still."""
    loss = _read_loss(trace)
    tail = loss[-max(len(loss) // 10, LEAST) :]
    moves = np.diff(tail)
    if len(moves) < LEAST - 1 or np.ptp(tail) <= SWINGS * np.abs(tail).max():
        return None
    upwards = float(moves[moves > 0].sum() / np.abs(moves).sum())
    return (float(tail.min()), float(tail.max())) if upwards >= UPWARDS else None


def _read_loss(trace: Trace) -> np.ndarray:
    series = trace.series.get("loss")
    loss = np.empty(0) if series is None else np.asarray(series.values, dtype=float)
    return loss if np.isfinite(loss).all() else np.empty(0)


def find_limit(trace: Trace, highest: float) -> float | None:
    """The highest rate that is stable at this curvature: 2/curvature, and with momentum 2 (1 + momentum)/curvature.

    None where nothing curves upwards, and for optimizers that scale each weight by itself, for which the curvature says it not.
    """
    optimizer = trace.config.optimizer
    if not isinstance(optimizer, SGD) or highest <= 0 or optimizer.dampening:
        return None
    momentum = optimizer.momentum
    room = 2 * (1 + momentum)
    return (room / (1 + 2 * momentum) if optimizer.nesterov else room) / highest


def say_limit(trace: Trace) -> str:
    """How that rate is worked out."""
    momentum = getattr(trace.config.optimizer, "momentum", 0.0)
    return "2/curvature" if not momentum else f"2 (1 + {momentum:g})/curvature"


def read_rate(trace: Trace) -> float:
    """The learning rate of the last update; where none was made, that of the config."""
    series = trace.series.get("learning-rate")
    return float(series.values[-1]) if series is not None and len(series.values) else trace.config.optimizer.lr


def say_share(share: float) -> str:
    """`0.1 %`, `50 %`, in two digits; `0 %` for what is next to nothing."""
    return f"{100 * share:.2g} %" if abs(share) >= 1e-6 else "0 %"
