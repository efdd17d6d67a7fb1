"""How far the update of several ranks is from that of one process: differences by parameter, at each update."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from trainlab.numerics import norm_rows
from trainlab.step import Layout

SMALL = 1e-2
"""Share of the largest number of all parameters that a parameter's own must have to be the measure of its difference.

A gradient that is 0 but for rounding, such as that of a bias before batch norm, has differences as large as itself, and they mean
nothing.
"""

Found = dict[str, np.ndarray]
"""By name, `[update]` or `[update, parameter]`."""


@dataclass(slots=True)
class Notes:
    """What is measured at each update, by name: appended to, and stacked in the end."""

    at: list[int] = field(default_factory=list)
    values: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def add(self, name: str, value: Tensor | float) -> None:
        """One update's number, or numbers."""
        given = value.detach().cpu().double().numpy() if isinstance(value, Tensor) else np.array(value, dtype=np.float64)
        self.values.setdefault(name, []).append(given)

    def stack(self) -> Found:
        """All of it; `at` are the numbers of the updates."""
        return {"at": np.array(self.at, dtype=np.int64), **{name: np.stack(each) for name, each in self.values.items()}}


def measure_difference(layout: Layout, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """The largest difference in each parameter, absolute and relative, `[parameter]`.

    Relative to the largest number of the parameter, or to `SMALL` of the largest of all where that is more.

    Args:
        layout: of the parameters.
        one: `[1, total]`.
        other: the same of the process that it is measured against.
    """
    differences = find_extents(layout, one.double() - other.double())
    return differences, differences / find_measure(layout, other)


def find_measure(layout: Layout, values: Tensor) -> Tensor:
    """What differences of each parameter are relative to, `[parameter]`; 1 where all numbers are 0."""
    extents = find_extents(layout, values.double())
    largest = float(extents.max())
    measure = extents.clamp(min=SMALL * largest) if np.isfinite(largest) else extents
    return torch.where(measure > 0, measure, 1.0)


def find_extents(layout: Layout, values: Tensor) -> Tensor:
    """The largest absolute value of each parameter, `[parameter]`; infinite where one is not a number."""
    return torch.stack([part.abs().max() for part in layout.split(values)]).nan_to_num(nan=torch.inf, posinf=torch.inf)


def find_error(one: Tensor, other: Tensor) -> float:
    """The length of the difference of all parameters together over that of `other`; 0 where both are 0."""
    one, other = one.double(), other.double()
    difference, length = float(norm_rows(one - other)[0]), float(norm_rows(other)[0])
    if math.isnan(difference) or not math.isfinite(length):
        return math.inf
    return difference / length if length else math.inf * difference if difference else 0.0


def find_factor(one: Tensor, other: Tensor) -> float:
    """How many times as long `one` is in the direction of `other`."""
    one, other = one.double(), other.double()
    length = float((other * other).sum())
    return float((one * other).sum()) / length if length > 0 else float("nan")
