"""Stochastic gradient descent, with momentum, dampening and Nesterov's look-ahead."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.optimizer import SGD
from trainlab.optimizers._state import (
    Columns,
    Settings,
    State,
    Step,
    add_decay,
    add_decay_alone,
    make_column,
    make_decay,
)


def start(specs: Sequence[SGD], like: Tensor) -> tuple[Step, State, Columns]:
    """See `trainlab.optimizers.start`. A run without momentum has the speed g."""
    columns = {"lr": make_column([spec.lr for spec in specs], like), **make_decay([spec.weight_decay for spec in specs], like)}
    if not any(spec.momentum for spec in specs):
        return _step_plain, State({}), columns
    columns["momentum"] = make_column([spec.momentum for spec in specs], like)
    # torch has no buffer, and so no dampening, without momentum
    columns["intake"] = make_column([1 - spec.dampening if spec.momentum else 1.0 for spec in specs], like)
    if any(spec.nesterov for spec in specs):
        # g and v weighed by 1 and momentum, or by 0 and 1
        columns["weigh_gradient"] = make_column([float(spec.nesterov) for spec in specs], like)
        columns["weigh_speed"] = make_column([spec.momentum if spec.nesterov else 1.0 for spec in specs], like)
    return _step_with_speed, State({"speed": torch.zeros_like(like)}), columns


def _step_plain(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """W - lr g."""
    return parameters - columns["lr"] * add_decay(parameters, gradient, columns), State({}, state.updates + 1)


def _step_with_speed(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """V = momentum v + (1 - dampening) g, the first v being g; then w - lr v, or w - lr (g + momentum v)."""
    gradient = add_decay(parameters, gradient, columns)
    is_first = state.updates == 0
    if is_first is True:
        speed = gradient.clone()
    else:
        speed = columns["momentum"] * state.rows["speed"] + columns["intake"] * gradient
        speed = torch.where(is_first, gradient, speed) if isinstance(is_first, Tensor) else speed
    direction = speed
    if "weigh_gradient" in columns:
        direction = columns["weigh_gradient"] * gradient + columns["weigh_speed"] * speed
    return parameters - columns["lr"] * direction, State({"speed": speed}, state.updates + 1)


def plan_alone(state: State, _columns: Columns, settings: Sequence[Settings]) -> tuple[Sequence[Settings], dict[str, Tensor]]:
    """See `trainlab.optimizers.step_apart`."""
    return ([{**each, "is_first": True} for each in settings] if not state.updates else settings), {}


def step_alone(parameters: Tensor, gradient: Tensor, held: dict[str, Tensor], settings: Settings) -> Tensor:
    """See `trainlab.optimizers.step_apart`."""
    direction = slope = add_decay_alone(parameters, gradient, settings)
    if momentum := settings.get("momentum"):
        speed = held["speed"].view_as(slope)
        direction = speed.copy_(slope) if "is_first" in settings else speed.mul_(momentum).add_(slope, alpha=settings["intake"])
        if settings.get("weigh_gradient"):
            direction = slope.add_(speed, alpha=momentum)
    return torch.add(parameters, direction, alpha=-settings["lr"], out=gradient)


def find_stride(state: State, columns: Columns) -> Tensor:
    """Lr times the speed that a gradient of 1 leads to, which is 1/(1 - momentum)."""
    if not state.rows:
        return columns["lr"]
    speed = columns["intake"] / (1 - columns["momentum"])
    if "weigh_gradient" in columns:
        speed = columns["weigh_gradient"] + columns["weigh_speed"] * speed
    return columns["lr"] * speed
