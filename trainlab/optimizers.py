"""Optimizers on stacked rows: state in, state out, every hyperparameter a column with one value a run.

Each equals its namesake in torch.optim step for step. They are written here because importing torch.optim's classes and taking
their first step loads torch's compiler, which costs half a second, and because torch's take one hyperparameter for all runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainlab.config.training import SGD, Adam, Optimizer

Columns = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class State:
    """What an optimizer remembers: rows like the parameters, by name, and the number of updates done."""

    rows: dict[str, Tensor]
    updates: int = 0


Step = Callable[[Tensor, Tensor, State, Columns], tuple[Tensor, State]]


def start(specs: Sequence[Optimizer], like: Tensor) -> tuple[Step, State, Columns]:
    """The step function, the first state and the hyperparameter columns for runs of one optimizer family.

    Args:
        specs: one `optimizer` section a run, all of one class and name.
        like: `[run, size]` parameters.

    Returns:
        step: `(parameters, gradient, state, columns) -> (parameters, state)`; `columns["lr"]` `[run, 1]` is the rate of this
            update.
        state: zeros where the optimizer has memory.
        columns: float `[run, 1]`, by hyperparameter; `lr` is the rate before any schedule.
    """

    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64).to(like)[:, None]

    sgd = [spec for spec in specs if isinstance(spec, SGD)]
    if sgd:
        columns = {
            "lr": column([spec.lr for spec in sgd]),
            "momentum": column([spec.momentum for spec in sgd]),
            # torch has no buffer, and so no dampening, without momentum
            "intake": column([1 - spec.dampening if spec.momentum else 1.0 for spec in sgd]),
            "weight_decay": column([spec.weight_decay for spec in sgd]),
        }
        memory = {"speed": torch.zeros_like(like)} if any(spec.momentum for spec in sgd) else {}
        return (_step_nesterov if sgd[0].nesterov else _step_sgd), State(memory), columns
    adam = [spec for spec in specs if isinstance(spec, Adam)]
    columns = {
        "lr": column([spec.lr for spec in adam]),
        "eps": column([spec.eps for spec in adam]),
        "weight_decay": column([spec.weight_decay for spec in adam]),
        "keep2": column([spec.betas[1] for spec in adam]),
        "take1": column([1 - spec.betas[0] for spec in adam]),
        "take2": column([1 - spec.betas[1] for spec in adam]),
        # in double, on the CPU: the bias corrections are 1 minus powers close to 1
        "log1": torch.tensor([_log(spec.betas[0]) for spec in adam], dtype=torch.float64)[:, None],
        "log2": torch.tensor([_log(spec.betas[1]) for spec in adam], dtype=torch.float64)[:, None],
    }
    memory = {"mean": torch.zeros_like(like), "square": torch.zeros_like(like)}
    return (_step_adamw if adam[0].name == "adamw" else _step_adam), State(memory), columns


def _step_sgd(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    gradient = gradient + columns["weight_decay"] * parameters
    if not state.rows:
        return parameters - columns["lr"] * gradient, State({}, state.updates + 1)
    speed = _speed(gradient, state, columns)
    return parameters - columns["lr"] * speed, State({"speed": speed}, state.updates + 1)


def _step_nesterov(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    gradient = gradient + columns["weight_decay"] * parameters
    speed = _speed(gradient, state, columns)
    return parameters - columns["lr"] * (gradient + columns["momentum"] * speed), State({"speed": speed}, state.updates + 1)


def _speed(gradient: Tensor, state: State, columns: Columns) -> Tensor:
    if state.updates == 0:
        return gradient.clone()
    return columns["momentum"] * state.rows["speed"] + columns["intake"] * gradient


def _step_adam(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    return _move_adam(parameters, gradient + columns["weight_decay"] * parameters, state, columns)


def _step_adamw(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    return _move_adam(parameters * (1 - columns["lr"] * columns["weight_decay"]), gradient, state, columns)


def _move_adam(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    updates = state.updates + 1
    mean = state.rows["mean"].lerp(gradient, columns["take1"])
    square = (state.rows["square"] * columns["keep2"]).addcmul_(columns["take2"] * gradient, gradient)
    # 1 - beta**updates; `**` would give the last of many rows another last bit than the first
    stride = columns["lr"] / -torch.expm1(updates * columns["log1"]).to(gradient)
    scale = (-torch.expm1(updates * columns["log2"])).sqrt().to(gradient)
    return parameters - stride * mean / (square.sqrt() / scale + columns["eps"]), State({"mean": mean, "square": square}, updates)


def _log(beta: float) -> float:
    return math.log(beta) if beta else -math.inf
