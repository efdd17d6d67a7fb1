"""Where to clip: the norms of an unclipped pilot run, and the thresholds that follow from how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainlab.report import Column, Table, Trace
from trainlab.studies._arms import shorten

QUANTILES = (0.5, 0.9, 0.99)
PLAYBOOK = 0.9  # the quantile to clip at where the pilot survives
DECADES = (1e3, 1e2, 1e1, 1.0)  # from the loosest
TIGHT = (0.1, 0.01, 0.001)  # where at none of those every seed survives


def read_norms(pilot: Sequence[Trace]) -> np.ndarray:
    """The raw gradient norms of all updates and seeds that are numbers."""
    norms: np.ndarray = np.concatenate([trace.series["total-norm"].values for trace in pilot])
    finite: np.ndarray = norms[np.isfinite(norms)]
    return finite


def propose(pilot: Sequence[Trace], *, survives: bool, tried: bool = False) -> list[dict[str, Any]]:
    """The patches to try: both ways at quantiles of what the pilot has shown, or at decades where it died.

    By value the quantiles are those of the largest absolute gradient of an update, so that both ways act equally often.

    Args:
        pilot: the unclipped runs.
        survives: every one of them does.
        tried: the looser decades were, and no way survives at any.
    """
    if not survives:
        return [_patch(mode, threshold) for threshold in (TIGHT if tried else DECADES) for mode in ("value", "norm")]
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


def say_guard(pilot: Sequence[Trace], *, heavy: bool) -> str:
    """Where a pilot that survived could be clipped, by the quantile of its norms; `heavy` if a few of them stand out."""
    norms = read_norms(pilot)
    guard = shorten(float(np.quantile(norms, PLAYBOOK))) if len(norms) else 0.0
    if heavy:
        return f" But a few of its gradients are many times as long as those around them: as a guard, clip by norm at {guard:g}."
    return f" As a guard, a norm of {guard:g} would clip one update in ten." if guard > 0 else ""
