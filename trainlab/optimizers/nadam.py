"""Nadam (Dozat, 2016): Adam with Nesterov's look-ahead, whose weight mu rises from half of beta1 to all of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.training import NAdam
from trainlab.optimizers._moments import advance_moments, divide_root, start_moments
from trainlab.optimizers._state import Columns, State, Step, make_double_column


def start(specs: Sequence[NAdam], like: Tensor) -> tuple[Step, State, Columns]:
    """See `trainlab.optimizers.start`."""
    state, columns = start_moments(specs, [spec.decoupled_weight_decay for spec in specs], like)
    columns["rise"] = make_double_column([0.96**spec.momentum_decay for spec in specs], like)
    ones = torch.ones_like(columns["rise"])
    return _step, State({**state.rows, "rise_power": ones, "mu_product": ones}), columns


def _step(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """W - lr ((1 - mu_t)/(1 - mu_1..mu_t) g + mu_(t+1)/(1 - mu_1..mu_(t+1)) mean) / (sqrt(square/(1 - beta2^t)) + eps)."""
    parameters, gradient, rows = advance_moments(parameters, gradient, state, columns)
    rows["rise_power"] = state.rows["rise_power"] * columns["rise"]
    mu = columns["beta1"] * (1 - 0.5 * rows["rise_power"])
    following = columns["beta1"] * (1 - 0.5 * rows["rise_power"] * columns["rise"])
    rows["mu_product"] = state.rows["mu_product"] * mu
    weigh_gradient = columns["lr"] * ((1 - mu) / (1 - rows["mu_product"])).to(parameters)
    weigh_mean = columns["lr"] * (following / (1 - rows["mu_product"] * following)).to(parameters)
    scale = (1 - rows["power2"]).sqrt().to(parameters)
    change = (weigh_gradient * gradient).add_(weigh_mean * rows["mean"])
    return parameters - change.div_(rows["square"].sqrt().div_(scale).add_(columns["eps"])), State(rows, state.updates + 1)


def find_stride(state: State, columns: Columns) -> Tensor:
    """Lr / (sqrt(square/(1 - beta2^t)) + eps)."""
    return columns["lr"] / divide_root(state.rows["square"], state, columns)
