"""The curvatures where a run has come to, worked out once for all probes that ask."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from trainlab.numerics import norm_rows
from trainlab.probes._facts import time_call
from trainlab.probes._lanczos import KEPT, Ends, draw_signs, find_density, find_ends, find_trace
from trainlab.step import Objective

WHOLE = 1000
"""Weights up to which the Hessian is computed whole."""

ROWS = 64  # of it at a time
TOLERANCE = 1e-7  # of the ends, as a share of the largest curvature
MOST = 150  # products for the ends
ROOM = 2**27  # numbers that the vectors kept may have together
FEWEST, USUAL = 2 * KEPT + 4, 80  # vectors kept
DRAWS, STEPS = 4, 30  # of the density
SIGNS = 16  # of the trace
NOTHING = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """Eigenvalues of the Hessian, in float64.

    Attributes:
        values: `[place]`: all of them, lowest first, or places that each stand for a share of them.
        shares: `[place]`, adding up to 1.
        low: `[total]` the unit eigenvector of the lowest.
        high: `[total]` that of the highest.
        lowest: the lowest eigenvalue.
        highest: the highest.
        error: how far these two may be off.
        trace: the sum of all.
        trace_error: its standard error; 0 where it is exact.
        is_whole: these are all.
        products: of the Hessian with a vector that it took.
    """

    values: Tensor
    shares: Tensor
    low: Tensor
    high: Tensor
    lowest: float
    highest: float
    error: float
    trace: float
    trace_error: float
    is_whole: bool
    products: int


_known: WeakKeyDictionary[Objective, Spectrum] = WeakKeyDictionary()
_defined: WeakKeyDictionary[Objective, bool] = WeakKeyDictionary()


def is_defined(objective: Objective) -> bool:
    """Whether weights, gradient and curvatures are finite at the point; those of a square root at 0 are not."""
    if objective not in _defined:
        _defined[objective] = all(bool(torch.isfinite(each).all()) for each in _list_derivatives(objective))
    return _defined[objective]


def _list_derivatives(objective: Objective) -> Iterator[Tensor]:
    yield objective.at
    yield objective.differentiate(objective.at)
    yield objective.curve(_draw_start(objective)[None])


def find_spectrum(objective: Objective) -> Spectrum:
    """The spectrum at the point, which is defined: all of it for a small network; of a large one both ends, density and trace."""
    if objective not in _known:
        _known[objective] = _compute_whole(objective) if len(objective.at) <= WHOLE else _estimate(objective)
    return _known[objective]


def compute_hessian(objective: Objective) -> Tensor:
    """`[total, total]`, made symmetric: what is left of a difference between its halves is rounding."""
    unit = torch.eye(len(objective.at), dtype=objective.at.dtype, device=objective.at.device)
    hessian = torch.cat([objective.curve(rows) for rows in torch.split(unit, ROWS)])
    return (hessian + hessian.T) / 2


def _compute_whole(objective: Objective) -> Spectrum:
    hessian = compute_hessian(objective).cpu()
    values, vectors = torch.linalg.eigh(hessian)
    return Spectrum(
        values=values.double(),
        shares=torch.full_like(values, 1 / len(values), dtype=torch.float64),
        low=vectors[:, 0].to(objective.at),
        high=vectors[:, -1].to(objective.at),
        lowest=float(values[0]),
        highest=float(values[-1]),
        error=0.0,
        trace=float(hessian.trace()),
        trace_error=0.0,
        is_whole=True,
        products=len(values),
    )


def search_ends(objective: Objective, *, tolerance: float, most: int) -> Ends:
    """Both ends of the spectrum alone; see `find_ends`."""
    return find_ends(objective.curve, _draw_start(objective), tolerance=tolerance, most=most, room=_count_room(objective))


def _draw_start(objective: Objective) -> Tensor:
    """`[total]`, the same every time."""
    return torch.randn(len(objective.at), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(objective.at)


def _count_room(objective: Objective) -> int:
    return max(FEWEST, min(USUAL, ROOM // len(objective.at)))


def _estimate(objective: Objective) -> Spectrum:
    ends = search_ends(objective, tolerance=TOLERANCE, most=MOST)
    signs = draw_signs(SIGNS, objective.at, seed=1)
    values, shares = find_density(objective.curve, signs[:DRAWS], steps=min(STEPS, _count_room(objective)))
    trace, trace_error = find_trace(objective.curve, signs)
    order = values.flatten().argsort()
    return Spectrum(
        values=values.flatten()[order].cpu().double(),
        shares=shares.flatten()[order].cpu().double() / DRAWS,
        low=ends.lowest,
        high=ends.highest,
        lowest=float(ends.values[0]),
        highest=float(ends.values[-1]),
        error=ends.error,
        trace=trace,
        trace_error=trace_error,
        is_whole=False,
        products=ends.products + values.numel() + SIGNS,
    )


def forecast_spectrum(objective: Objective) -> tuple[float, int]:
    """Seconds and bytes that `find_spectrum` takes at most, from one of its products."""
    size = len(objective.at)
    item = objective.at.element_size()
    if size <= WHOLE:
        rows = torch.eye(size, dtype=objective.at.dtype, device=objective.at.device)[:ROWS]
        return math.ceil(size / ROWS) * time_call(lambda: objective.curve(rows)), 3 * size**2 * item
    start = _draw_start(objective)[None]
    return (MOST + DRAWS * STEPS + SIGNS) * time_call(lambda: objective.curve(start)), _count_room(objective) * size * item


def forecast_ends(objective: Objective, most: int) -> tuple[float, int]:
    """The same of `search_ends`."""
    start = _draw_start(objective)[None]
    size = len(objective.at) * objective.at.element_size()
    return min(most, len(objective.at)) * time_call(lambda: objective.curve(start)), _count_room(objective) * size


def find_scale(objective: Objective) -> float:
    """What a change of the loss is measured by: the loss itself, or that of the network with all weights 0 where it is more."""
    values = (objective.measure(flat) for flat in (objective.at, torch.zeros_like(objective.at)))
    return max((abs(value) for value in values if value == value), default=0.0)  # noqa: PLR0124  # NaN is not itself


def find_step(scale: float, curvature: float, size: float) -> float:
    """How far a step along a direction of this curvature must be to change the loss by all of `scale`; `size` at most."""
    return min(math.sqrt(2 * scale / abs(curvature)), size) if scale and curvature else size


def find_size(flat: Tensor) -> float:
    """The norm of the weights; those that are next to nothing are taken for 0.1 each, lest nothing be measured around them."""
    return max(float(norm_rows(flat[None])[0]), NOTHING * math.sqrt(len(flat)))
