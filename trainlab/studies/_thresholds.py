"""Where to clip: the norms of an unclipped pilot run, and the thresholds that follow from how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainlab.report import Column, Table, Trace
from trainlab.studies._arms import shorten

QUANTILES = (0.5, 0.9, 0.99)
PLAYBOOK = 0.9  # the quantile to clip at where the pilot survives
DECADES = tuple(10.0**power for power in range(3, -4, -1))  # from the loosest
HEAVY = 10.0  # times the median: a 99th percentile beyond that is a heavy tail


def read_norms(pilot: Sequence[Trace]) -> np.ndarray:
    """The raw gradient norms of all updates and seeds that are numbers."""
    norms: np.ndarray = np.concatenate([trace.series["total-norm"].values for trace in pilot])
    finite: np.ndarray = norms[np.isfinite(norms)]
    return finite


def propose(pilot: Sequence[Trace], *, survives: bool) -> list[dict[str, Any]]:
    """The patches to try: both ways at quantiles of what the pilot has shown, or at every decade where it died.

    By value the quantiles are those of the largest absolute gradient of an update, so that both ways act equally often.
    """
    if not survives:
        return [_patch(mode, threshold) for threshold in DECADES for mode in ("value", "norm")]
    norms = read_norms(pilot)
    largest = [trace.series["gradient-max-abs"].values.max(axis=1) for trace in pilot if "gradient-max-abs" in trace.series]
    sizes = np.concatenate(largest) if largest else norms
    sizes = sizes[np.isfinite(sizes)]
    patches = []
    for quantile in QUANTILES:
        for mode, values in (("value", sizes), ("norm", norms)):
            threshold = shorten(float(np.quantile(values, quantile))) if len(values) else 0.0
            if threshold > 0:
                patches.append(_patch(mode, threshold))
    return [patch for place, patch in enumerate(patches) if patch not in patches[:place]]


def _patch(mode: str, threshold: float) -> dict[str, Any]:
    return {"clip.mode": mode, "clip.threshold": threshold}


def tabulate_norms(pilot: Sequence[Trace]) -> Table | None:
    """The distribution of the unclipped gradient norms; None if none is a number."""
    norms = read_norms(pilot)
    if not len(norms):
        return None
    shares = [(f"{100 * quantile:g} %", float(np.quantile(norms, quantile))) for quantile in QUANTILES]
    seeds = len(pilot)
    return Table(
        name="norms",
        title="unclipped gradient norms"
        + (f" ({len(norms)} updates of {seeds} seeds)" if seeds > 1 else f" ({len(norms)} updates)"),
        columns=(Column(name="updates"), Column(name="norm up to", kind="number"), Column(name="log scale", kind="log-bar")),
        rows=tuple((name, value, value) for name, value in (*shares, ("all", float(norms.max())))),
    )


def say_tail(pilot: Sequence[Trace]) -> str:
    """What the distribution says of a pilot that survived."""
    norms = read_norms(pilot)
    middle, high, top = (float(np.quantile(norms, quantile)) for quantile in QUANTILES) if len(norms) else (0.0, 0.0, 0.0)
    if top > HEAVY * middle > 0:
        tail = f"99 % up to {top:.3g}, half up to {middle:.3g}"
        return f" Its gradient norms have a heavy tail ({tail}): as a guard, clip by norm at {shorten(high):g}."
    return f" As a guard, a norm of {shorten(high):g} would clip one update in ten." if high > 0 else ""
