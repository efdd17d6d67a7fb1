"""Fewer points of a long series, without losing what a reader looks for in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainlab.report import Series

LIMIT = 200


def thin(series: Series, limit: int = LIMIT) -> Series:
    """At most `limit` points: evenly spaced, with the first, the last, the extremes and the first that is not finite.

    Of several columns, the extremes are those of the largest absolute value in a row.
    """
    if len(series.at) <= limit:
        return series
    import numpy as np  # whoever has a series has loaded it already

    sizes, broken = series.values, 0
    if series.values.ndim > 1:
        finite = np.isfinite(series.values)
        sizes = np.where(finite, np.abs(series.values), -np.inf).max(axis=1, initial=-np.inf)
        broken = int(np.argmin(finite.all(axis=1)))
    chosen = choose(sizes.tolist(), limit, also=broken)
    return Series(per=series.per, at=series.at[chosen], values=series.values[chosen])


def choose(values: Sequence[float], limit: int, *, also: int = 0) -> list[int]:
    """Positions of at most `limit` (6 or more) of the values, in order; `also` is one of them."""
    last = len(values) - 1
    if last < limit:
        return list(range(last + 1))
    finite = [position for position, value in enumerate(values) if math.isfinite(value)]
    special = {0, last, also}
    if finite:
        special |= {min(finite, key=values.__getitem__), max(finite, key=values.__getitem__)}
    if len(finite) <= last:
        special.add(next(position for position, value in enumerate(values) if not math.isfinite(value)))
    even = [round(step * last / (limit - 1)) for step in range(limit)]
    # Each special point takes the place of the evenly spaced one nearest to it.
    for point in sorted(special - set(even)):
        nearest = min((place for place in even if place not in special), key=lambda place: abs(place - point), default=None)
        if nearest is not None:
            even[even.index(nearest)] = point
    return sorted(even)
