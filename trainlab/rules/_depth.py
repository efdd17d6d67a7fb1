"""How the gradient changes from layer to layer, and whether that is the work of all layers or of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainlab.report import Trace
from trainlab.rules._series import read_weights, say_count

ONE_STEP = 2 / 3  # a step between neighbours that makes more than this of the whole change is one layer's doing


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The gradient of each weight, input first.

    Attributes:
        names: of the weights.
        norms: `[weight]`: median over the measured updates, without those in which every gradient is 0 unless all are so; empty if
            there was none.
    """

    names: tuple[str, ...]
    norms: np.ndarray

    def find_lack(self, layers: float) -> str:
        """Why nothing can be said about the change over depth; empty if something can."""
        if len(self.names) < layers:
            return f"{say_count(len(self.names), 'weight layer')} cannot show a trend over depth (at least {layers:g})"
        if not len(self.norms):
            return "no update with gradients that are numbers was measured"
        if not self.norms.any():
            return "every weight's gradient is exactly 0: there is nothing to compare over depth"
        return ""


def read_profile(trace: Trace, updates: int | None = None) -> Profile:
    """The profile of `gradient-norm`. Infinite norms stay; updates with a NaN are left out.

    Args:
        trace: of the run.
        updates: only the first ones that were measured; None for all.
    """
    names = tuple(parameter.name for parameter in trace.parameters if parameter.is_weight)
    values = read_weights(trace, "gradient-norm")[:updates]
    values = values[~np.isnan(values).any(axis=1)]
    alive = values[values.any(axis=1)]
    values = alive if len(alive) else values
    return Profile(names=names, norms=np.median(values, axis=0) if len(values) else np.empty(0))


def fit_factor(norms: np.ndarray) -> float:
    """The factor from a layer to the one before it: 10^-slope of log10(norm) over depth, over the positive, finite norms.

    The slope is the median of the slopes of all pairs of layers (Theil, 1950; Sen, 1968), so that a few odd layers do not move it.
    NaN if there are fewer than two.
    """
    at, logs = _take_logs(norms)
    first, second = np.triu_indices(len(at), k=1)
    return float(10 ** -np.median((logs[second] - logs[first]) / (at[second] - at[first]))) if len(at) > 1 else float("nan")


def shrinks(norms: np.ndarray, ratio: float) -> bool:
    """Whether norms shrink towards the input below `ratio` times the last, layer by layer.

    Three conditions: first < ratio * last; the robust slope explains at least half of that on a log scale; no single step between
    neighbours makes more than two thirds of the fall. Norms of 0 in front count as shrunk if those behind them pass by themselves:
    that is underflow. Zeros in front of level norms are not: something cuts the gradient there.
    """
    at, logs = _take_logs(norms)
    if len(at) < 2:
        return False
    fall = logs[-1] - logs[0]
    limit = -float(np.log10(ratio))
    fitted = -np.log10(fit_factor(norms)) * (at[-1] - at[0])
    return bool(norms[0] < ratio * norms[-1] and fall > limit and fitted >= limit / 2 and np.diff(logs).max() <= ONE_STEP * fall)


def find_start(norms: np.ndarray, ratio: float) -> int:
    """The layer nearest the output from which on, towards the input, every norm is below `ratio` times the largest; -1 if none."""
    small = norms < ratio * norms.max()
    return int(np.argmin(small)) - 1 if not small.all() else len(norms) - 1


def _take_logs(norms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    at = np.flatnonzero((norms > 0) & np.isfinite(norms))
    return at, np.log10(norms[at])
