"""The tables of `landscape`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from trainlab.critical import Point, find_zero
from trainlab.report import Column, Table, Trace
from trainlab.studies._places import find_halt, find_limit, read_rate

FEW = 8  # curvatures that are told one by one
DECADES = 4  # of curvatures that are told apart
Places = Sequence[tuple[Trace, Point | None]]


def tabulate_places(points: Places) -> Table:
    """One row a run: what kind of place it came to, and the numbers that say so."""
    several = len({trace.seed for trace, _ in points}) > 1
    rows: list[tuple[Any, ...]] = []
    halts = [find_halt(trace) for trace, _ in points]
    for (trace, point), halt in zip(points, halts, strict=True):
        name = (trace.name, trace.seed) if several else (trace.name,)
        read = trace.metrics.get
        still = (None, None) if halt is None else (f"{halt.first} to {halt.last}", halt.loss)
        if point is None:
            rows.append((*name, *[None] * 8, *still, "not finite" if trace.nonfinite else "not measured"))
            continue
        rows.append(
            (
                *name,
                point.loss,
                read("point_gradient"),
                point.gain,
                point.lowest,
                point.highest,
                point.positive,
                read("curvature_trace"),
                read("curvature_trace_error"),
                *still,
                point.kind,
            )
        )
    return Table(
        name="places",
        title=_title(points),
        columns=(
            Column(name="run"),
            *((Column(name="seed", kind="number"),) if several else ()),
            Column(name="loss", kind="number"),
            Column(name="gradient", kind="number", priority=2),
            Column(name="gain", kind="percent", priority=4),
            Column(name="lowest", kind="number"),
            Column(name="highest", kind="number"),
            Column(name="above 0", kind="percent", priority=3),
            Column(name="trace", kind="number", priority=5),
            Column(name="its error", kind="number", priority=6),
            Column(name="stood still", priority=0 if any(halts) else 4),
            Column(name="at a loss of", kind="number", priority=5),
            Column(name="verdict", kind="verdict"),
        ),
        rows=tuple(rows),
    )


def _title(points: Places) -> str:
    """What the numbers are of, and how they were come by, where that is not plain."""
    read = [trace.metrics.get for trace, _ in points]
    notes = []
    samples = {get("curvature_samples") for get in read} - {None}
    if any(number is not None and number < trace.sizes.get("train", 0) for trace, _ in points for number in samples):
        notes.append(f"curvatures on {max(number for number in samples if number is not None):g} samples")
    if any(get("curvature_penalty") for get in read):
        notes.append("the loss with its L2 penalty")
    if any(get("curvature_whole") == 0 for get in read):
        made = max(int(get("curvature_products") or 0) for get in read)
        weights = max(_count(trace) for trace, _ in points)
        notes.append(f"both ends by Lanczos, the rest estimated: {made} products with a Hessian of {weights:,} columns")
    if any(get("curvature_exact") == 0 for get in read):
        notes.append("no second derivatives: differences of gradients")
    return "where it stopped" + (f" ({'; '.join(notes)})" if notes else "")


def tabulate_sharpness(points: Places, radius: float) -> Table | None:
    """One row a run: what the highest curvature allows, and the loss where the weights are moved a little."""
    several = len({trace.seed for trace, _ in points}) > 1
    rows: list[tuple[Any, ...]] = []
    for trace, point in points:
        if point is None:
            continue
        limit = find_limit(trace, point.highest)
        name = (trace.name, trace.seed) if several else (trace.name,)
        moved = (trace.metrics.get(each) for each in ("sharp_random", "sharp_worst", "sharp_adversarial"))
        rate = read_rate(trace) if trace.updates else None
        share = None if limit is None or rate is None else rate / limit
        rows.append((*name, point.highest, limit, rate, share, point.loss, *moved))
    if not rows:
        return None
    return Table(
        name="sharpness",
        title=f"how sharp: the loss when the weights are moved by {radius:g} of their norm",
        columns=(
            Column(name="run"),
            *((Column(name="seed", kind="number"),) if several else ()),
            Column(name="highest curvature", kind="number", priority=3),
            Column(name="stable up to", kind="number"),
            Column(name="rate", kind="number"),
            Column(name="of that", kind="percent", priority=1),
            Column(name="loss", kind="number", priority=2),
            Column(name="random", kind="number"),
            Column(name="worst of 16", kind="number", priority=2),
            Column(name="adversarial", kind="number"),
        ),
        rows=tuple(rows),
    )


def tabulate_escape(trace: Trace, point: Point) -> Table:
    """Steps along the escape direction: what curvature predicts, and what the loss does."""
    steps, ahead, behind = (trace.arrays[name] for name in ("escape-steps", "escape-loss", "escape-back"))
    slope = trace.metrics.get("escape_slope") or 0.0
    return Table(
        name="escape",
        title=f"along the escape direction of {trace.name}: the loss, and what slope and curvature predict",
        columns=(
            Column(name="step", kind="number"),
            Column(name="predicted", kind="number"),
            Column(name="loss", kind="number"),
            Column(name="the other way", kind="number"),
        ),
        rows=tuple(
            (float(step), point.loss + slope * float(step) + point.lowest * float(step) ** 2 / 2, float(there), float(back))
            for step, there, back in zip(steps, ahead, behind, strict=True)
        ),
    )


def tabulate_spectrum(trace: Trace, tolerance: float) -> Table:
    """The curvatures of a run: each of them where they are few, else how many lie in each decade."""
    values, shares = trace.arrays["eigenvalues"], trace.arrays["eigenvalue-shares"]
    whole = bool(trace.metrics.get("curvature_whole"))
    if whole and len(values) <= FEW:
        rows = [(f"{value:.6g}", 1, float(share), float(share)) for value, share in zip(values[::-1], shares[::-1], strict=True)]
    else:
        rows = [
            (name, round(share * _count(trace)), share, share) for name, share in _bin(values, shares, find_zero(trace, tolerance))
        ]
    return Table(
        name="spectrum",
        title=f"curvatures of {trace.name}" + ("" if whole else " (estimated)"),
        columns=(
            Column(name="curvature"),
            Column(name="directions", kind="number"),
            Column(name="share", kind="percent"),
            Column(name="log scale", kind="log-bar"),
        ),
        rows=tuple(rows),
    )


def _count(trace: Trace) -> int:
    return sum(math.prod(parameter.shape) for parameter in trace.parameters)


def _bin(values: np.ndarray, shares: np.ndarray, tolerance: float) -> list[tuple[str, float]]:
    """Each decade below the largest with its share, the highest first; what is within the tolerance is 0."""
    largest = float(np.abs(values).max())
    edges = [largest * 10.0**-power for power in range(DECADES) if 10.0**-power > tolerance] + [largest * tolerance]
    none = float(shares[np.abs(values) <= edges[-1]].sum())
    found = []
    for sign in (1, -1):
        side = sign * values
        parts = []
        for high, low in pairwise(edges):
            inside = (side > low) & (side <= high * (1 + 1e-12))
            parts.append((f"{sign * low:.2g} to {sign * high:.2g}", float(shares[inside].sum())))
        found += parts if sign > 0 else [(f"0 (within {edges[-1]:.2g})", none), *parts[::-1]]
    return [(name, share) for name, share in found if share > 0]


def tabulate_surface(trace: Trace) -> Table | None:
    """The loss on a plane through the point, a row for each place down the plane."""
    plane = describe_plane(trace)
    if plane is None:
        return None
    down, middle = trace.arrays["surface-down"], len(trace.arrays["surface-down"]) // 2
    return Table(
        name="surface",
        title=f"the surface around it: the loss across {plane['across']}, {plane['from']:.3g} to {plane['to']:.3g} from where it "
        f"stopped, and down {plane['down']}",
        columns=(Column(name="down", kind="number"), Column(name="loss", kind="strip"), Column(name="where", priority=1)),
        rows=tuple(
            (float(place), row.tolist(), "in the middle of this row" if at == middle else "")
            for at, (place, row) in enumerate(zip(down, trace.arrays["surface"], strict=True))
        ),
    )


def describe_plane(trace: Trace) -> dict[str, Any] | None:
    """What its two directions are, and how far it goes across; None where no surface was measured."""
    if "surface" not in trace.arrays:
        return None
    across = trace.arrays["surface-across"]
    names = _name_axes(trace)
    return {"across": names[0], "down": names[1], "from": float(across[0]), "to": float(across[-1])}


def _name_axes(trace: Trace) -> tuple[str, str]:
    if _count(trace) != 2:
        return "the lowest curvature", "the highest curvature"
    names = [parameter.name for parameter in trace.parameters]
    return (names[0], names[1]) if len(names) == 2 else (f"{names[0]}[0]", f"{names[0]}[1]")
