"""The update at which a giant step has killed the gradient, if one has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainlab.report import Trace
from trainlab.rules._series import read_weights

DEAD = 1e-6  # of what it was at first


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse:
    """The gradient of the first weight from its death on.

    Attributes:
        at: the measured update from which on it is dead.
        step: norm(change)/norm(weight) of the largest step that any weight took up to then.
        before, after: the norm at first and at the end.
    """

    at: int
    step: float
    before: float
    after: float


def find_collapse(trace: Trace) -> Collapse | None:
    """None if the first weight's gradient lives at the end, or never lived, or was not measured."""
    norms, changes = read_weights(trace, "gradient-norm"), read_weights(trace, "update-ratio")
    if len(norms) < 2 or not norms.shape[1] or len(changes) != len(norms):
        return None
    first = norms[:, 0]
    if not np.isfinite(first).all() or first[0] <= 0:
        return None
    living = np.flatnonzero(first > DEAD * first[0])
    if living[-1] == len(first) - 1:
        return None
    steps = changes[: living[-1] + 1]
    steps = steps[np.isfinite(steps)]
    return Collapse(
        at=int(trace.series["gradient-norm"].at[living[-1] + 1]),
        step=float(steps.max()) if len(steps) else 0.0,
        before=float(first[0]),
        after=float(first[-1]),
    )
