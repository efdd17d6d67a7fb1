"""Traces as several ranks leave them, written by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests.rules.traces import make_trace
from trainlab.report import Parameter, Series, Trace

PARAMETERS = tuple(Parameter(name=name, module="Linear", shape=(2, 2)) for name in ("model.0.weight", "model.2.weight"))
UPDATES = np.array([1, 2, 25])


def make_ranks(*, ranks: int = 4, accumulate: int = 1, norms: Any = (), spreads: Any = None, **series: Any) -> Trace:
    """Three updates of two parameters, all as they should be but for what is given.

    Args:
        ranks: how many.
        accumulate: batches before an update.
        norms: names of the batch norms.
        spreads: `[update, norm]`.
        series: by name, `_` for `-`; `[update]` or `[update, parameter]`, in float64 and in the run's own format alike.
    """
    healthy: dict[str, Any] = {
        "gradient-error": [1e-16] * 3,
        "gradient-difference": [[1e-16, 2e-16]] * 3,
        "gradient-difference-abs": [[1e-17, 2e-17]] * 3,
        "combined-error": [1e-16] * 3,
        "gradient-factor": [1.0] * 3,
        "weight-error": [1e-16] * 3,
        "weight-difference": [[1e-16, 1e-16]] * 3,
        "buffer-difference": [0.0] * 3,
        "buffer-spread": [0.0] * 3,
        "rank-spread": [[0.0, 0.0]] * 3,
        "samples": [40.0] * 3,
        "repeated": [0.0] * 3,
        "smallest-share": [10.0] * 3,
        "largest-share": [10.0] * 3,
    }
    given = {**healthy, **{name.replace("_", "-"): values for name, values in series.items()}}
    made = {name: Series(per="update", at=UPDATES, values=np.array(values, dtype=float)) for name, values in given.items()}
    trace = make_trace()
    config = trace.config
    found = np.zeros((3, len(norms))) if spreads is None else np.array(spreads, dtype=float)
    return replace(
        trace,
        config=replace(
            config,
            train=replace(config.train, accumulate=accumulate, batch_size=10),
            distributed=replace(config.distributed, ranks=ranks),
        ),
        parameters=PARAMETERS,
        series={**made, **{f"{name}-float64": each for name, each in made.items()}},
        arrays={"norm-spread": found, "norms": np.array(norms, dtype=str)},
        metrics={
            "ranks": ranks,
            "effective_batch": 10 * ranks,
            "updates_per_epoch": 25,
            "samples_per_rank": 250,
            "batch_norms": len(norms),
            "draws": 0,
        },
        sizes={"train": 250 * ranks},
        updates=3,
        how=f"by {ranks} ranks over gloo",
    )
