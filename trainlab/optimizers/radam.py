"""RAdam (Liu et al., 2020): Adam whose step is held back while the mean square rests on few gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.training import RAdam
from trainlab.optimizers._moments import advance_moments, start_moments
from trainlab.optimizers._state import Columns, State, Step

ENOUGH = 5.0
"""Length of the average from which on its variance can be told."""


def start(specs: Sequence[RAdam], like: Tensor) -> tuple[Step, State, Columns]:
    """See `trainlab.optimizers.start`."""
    state, columns = start_moments(specs, [spec.decoupled_weight_decay for spec in specs], like)
    columns["longest"] = 2 / (1 - columns["beta2"]) - 1
    return _step, state, columns


def _step(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """As Adam times sqrt((n-4)(n-2)N / ((N-4)(N-2)n)), n the average's length by now and N at last; no divisor until n > 5."""
    parameters, _, rows = advance_moments(parameters, gradient, state, columns)
    updates = state.updates + 1
    held, divisor = _hold_back(rows, updates, columns)
    stride = columns["lr"] * (held / (1 - rows["power1"])).to(parameters)
    return parameters - (stride * rows["mean"]).div_(divisor), State(rows, updates)


def _hold_back(rows: dict[str, Tensor], updates: int | Tensor, columns: Columns) -> tuple[Tensor, Tensor]:
    """The factor on the step, `[run, 1]` in float64, and the divisor `[run, size]`."""
    longest, power = columns["longest"], rows["power2"]
    length = longest - 2 * updates * power / (1 - power)
    held = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)).sqrt() * (1 - power).sqrt()
    is_long = length > ENOUGH
    divisor = torch.where(is_long.to(rows["square"].device), rows["square"].sqrt().add_(columns["eps"]), 1.0)
    return torch.where(is_long, held, 1.0), divisor


def find_stride(state: State, columns: Columns) -> Tensor:
    """Lr times what the step is held back by, over its divisor."""
    held, divisor = _hold_back(state.rows, state.updates, columns)
    return columns["lr"] * held.to(columns["lr"]) / divisor
