"""Hand-written traces of several ranks: `make_rank(0, losses=[...])` trained 12 updates of two weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests.rules.traces import make_trace
from trainlab.report import Series, Trace

UPDATES = 12


def make_rank(
    rank: int,
    *,
    weights: Any = (2.0, 1.0),
    gradients: Any = (0.5, 0.25),
    losses: Any = None,
    updates: int = UPDATES,
    at: Any = None,
    **metrics: float,
) -> Trace:
    """A trace of one rank; weights and gradients `[parameter]` or `[update, parameter]`."""
    places = np.arange(1, updates + 1) if at is None else np.asarray(at)
    rows = [np.broadcast_to(np.asarray(each, dtype=float), (len(places), 2)) for each in (weights, gradients)]
    losses = np.linspace(1, 0.5, updates) + 0.01 * rank if losses is None else np.asarray(losses, dtype=float)
    return replace(
        make_trace(gradients=np.zeros((1, 1)), updates=updates, metrics={"rank": rank, "complete": 1.0, **metrics}),
        name=f"rank {rank}" if rank else "base",
        series={
            "weight-norm": Series(per="update", at=places, values=rows[0]),
            "gradient-norm": Series(per="update", at=places, values=rows[1]),
            "loss": Series(per="update", at=np.arange(1, len(losses) + 1), values=losses),
        },
    )
