"""What kind of place a run has come to: judged by what its gradient still offers, and by the curvatures there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trainlab.report import Trace

Kind = Literal["minimum", "degenerate minimum", "saddle", "maximum", "plateau", "not critical"]

GRADIENT = 1e-3
"""Of the loss: a step against the gradient that gains less is no gain, and the gradient near 0."""

CURVATURE = 1e-4
"""Of the largest: a curvature below it is 0."""

RESOLUTION = 2e-3
"""Of the largest: the least that counts in a spectrum that is estimated, whose places are no closer to the truth than that."""

BOUNDED = ("mse", "l1", "huber", "bce", "bce_logits", "cross_entropy")
"""Losses that are never below 0."""

UNLEARNED = 0.98
"""Of the loss with all weights 0: above it nothing has been learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a run has come to.

    Attributes:
        kind: see `read_point`.
        gain: what a step against the gradient takes off the loss, as a share of the scale.
        scale: what changes of the loss are measured by, see the probe `curvature`.
        loss: what was minimised, there.
        lowest: curvature; highest: likewise.
        positive: share of the curvatures above 0; zero: of those that are 0 within the tolerance; negative: of those below.
    """

    kind: Kind
    gain: float
    scale: float
    loss: float
    lowest: float
    highest: float
    positive: float
    zero: float
    negative: float

    @property
    def largest(self) -> float:
        """The largest curvature, whatever its sign."""
        return max(abs(self.lowest), abs(self.highest))


def read_point(trace: Trace, *, gradient: float = GRADIENT, curvature: float = CURVATURE) -> Point | None:
    """What the probe `curvature` measured, and what it makes of the place; None where there is nothing to tell from.

    *Not critical*: a step against the gradient still lowers the loss. *Plateau*: neither gradient nor curvature would change the
    loss if all weights were changed by as much as they are; or no curvature is negative, some are 0, and the loss is that of a
    network whose weights are all 0. *Saddle*: curvatures of both signs, or one below 0 and others that are 0. *Maximum*: all below
    0. *Minimum*: all above 0. *Degenerate minimum*: some above 0, the others 0; or the loss itself is as good as 0, and cannot be
    less. What is not certain within the error of the lowest curvature is no minimum.

    Args:
        trace: of a run.
        gradient: a smaller gain, as a share of the scale, is none.
        curvature: a smaller one, as a share of the largest, is 0.
    """
    names = ("point_loss", "scale_loss", "descent_loss", "curvature_lowest", "curvature_highest", "point_size")
    numbers = [trace.metrics.get(name) for name in names]
    values, shares = (np.asarray(trace.arrays.get(name, ()), dtype=float) for name in ("eigenvalues", "eigenvalue-shares"))
    if any(each is None or not math.isfinite(each) for each in numbers) or not len(values) or len(values) != len(shares):
        return None
    loss, scale, descent, lowest, highest, size = (float(each) for each in numbers if each is not None)
    largest = max(abs(lowest), abs(highest))
    limit = curvature * largest
    gain = (loss - descent) / scale if scale else 0.0
    told = find_zero(trace, curvature) * largest
    above, below = float(shares[values > told].sum()), float(shares[values < -told].sum())
    kind: Kind
    if gain > gradient:
        kind = "not critical"
    elif lowest <= limit and trace.config.loss in BOUNDED and loss <= gradient * scale:
        kind = "degenerate minimum"
    elif largest * size**2 / 2 <= gradient * scale or not largest:
        kind = "plateau"
    elif lowest < -limit:
        kind = "maximum" if highest < -limit else "saddle"
    elif lowest - (trace.metrics.get("curvature_error") or 0.0) > limit:
        kind = "minimum"
    else:
        kind = "plateau" if loss >= UNLEARNED * scale > 0 else "degenerate minimum"
    return Point(
        kind=kind,
        gain=gain,
        scale=scale,
        loss=loss,
        lowest=lowest,
        highest=highest,
        positive=above,
        zero=max(0.0, 1 - above - below),
        negative=below,
    )


def find_zero(trace: Trace, curvature: float) -> float:
    """Below which share of the largest curvature the others are counted as 0: the tolerance, or what an estimate can tell apart."""
    return curvature if trace.metrics.get("curvature_whole") != 0 else max(curvature, RESOLUTION)
