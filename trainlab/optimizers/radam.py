"""RAdam (Liu et al., 2020): Adam whose step is held back while the mean square rests on few gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.optimizer import RAdam
from trainlab.optimizers._blocks import cut
from trainlab.optimizers._moments import advance_alone, advance_moments, advance_powers, start_moments
from trainlab.optimizers._state import Columns, Settings, State, Step, read_settings

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
    is_long, held = _hold_back(rows["power2"], updates, columns)
    divisor = _find_divisor(rows["square"], is_long, columns)
    stride = columns["lr"] * (held / (1 - rows["power1"])).to(parameters)
    return parameters - (stride * rows["mean"]).div_(divisor), State(rows, updates)


def plan_alone(state: State, columns: Columns, settings: Sequence[Settings]) -> tuple[Sequence[Settings], dict[str, Tensor]]:
    """See `trainlab.optimizers.step_apart`."""
    powers = advance_powers(state, columns)
    is_long, held = _hold_back(powers["power2"], state.updates + 1, columns)
    added = read_settings({"is_long": is_long, "factor": held / (1 - powers["power1"])})
    return [{**own, **more} for own, more in zip(settings, added, strict=True)], powers


def step_alone(parameters: Tensor, gradient: Tensor, held: dict[str, Tensor], settings: Settings) -> Tensor:
    """See `trainlab.optimizers.step_apart`."""
    stride = settings["lr"] * settings["factor"]
    for old, given, mean, square in cut(parameters, gradient, held["mean"], held["square"]):
        part, _ = advance_alone(old, given, mean, square, settings)
        if settings["is_long"]:
            torch.addcdiv(part, mean, square.sqrt().add_(settings["eps"]), value=-stride, out=given)
        else:
            torch.sub(part, mean, alpha=stride, out=given)
    return gradient


def _hold_back(power: Tensor, updates: int | Tensor, columns: Columns) -> tuple[Tensor, Tensor]:
    """`[run, 1]`: whether there is a divisor yet, and the factor on the step, in float64."""
    longest = columns["longest"]
    length = longest - 2 * updates * power / (1 - power)
    held = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)).sqrt() * (1 - power).sqrt()
    is_long = length > ENOUGH
    return is_long, torch.where(is_long, held, 1.0)


def _find_divisor(square: Tensor, is_long: Tensor, columns: Columns) -> Tensor:
    """`[run, size]`."""
    return torch.where(is_long.to(square.device), square.sqrt().add_(columns["eps"]), 1.0)


def find_stride(state: State, columns: Columns) -> Tensor:
    """Lr times what the step is held back by, over its divisor."""
    is_long, held = _hold_back(state.rows["power2"], state.updates, columns)
    return columns["lr"] * held.to(columns["lr"]) / _find_divisor(state.rows["square"], is_long, columns)
