"""Nadam (Dozat, 2016): Adam with Nesterov's look-ahead, whose weight mu rises from half of beta1 to all of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.optimizer import NAdam
from trainlab.optimizers._blocks import cut
from trainlab.optimizers._moments import advance_alone, advance_moments, advance_powers, divide_root, start_moments
from trainlab.optimizers._state import Columns, Settings, State, Step, make_double_column, read_settings


def start(specs: Sequence[NAdam], like: Tensor) -> tuple[Step, State, Columns]:
    """See `trainlab.optimizers.start`."""
    state, columns = start_moments(specs, [spec.decoupled_weight_decay for spec in specs], like)
    columns["rise"] = make_double_column([0.96**spec.momentum_decay for spec in specs], like)
    ones = torch.ones_like(columns["rise"])
    return _step, State({**state.rows, "rise_power": ones, "mu_product": ones}), columns


def _step(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """W - lr ((1 - mu_t)/(1 - mu_1..mu_t) g + mu_(t+1)/(1 - mu_1..mu_(t+1)) mean) / (sqrt(square/(1 - beta2^t)) + eps)."""
    parameters, gradient, rows = advance_moments(parameters, gradient, state, columns)
    looked, weigh_gradient, weigh_mean = _look_ahead(state, columns)
    rows.update(looked)
    weigh_gradient, weigh_mean = columns["lr"] * weigh_gradient.to(parameters), columns["lr"] * weigh_mean.to(parameters)
    scale = (1 - rows["power2"]).sqrt().to(parameters)
    change = (weigh_gradient * gradient).add_(weigh_mean * rows["mean"])
    return parameters - change.div_(rows["square"].sqrt().div_(scale).add_(columns["eps"])), State(rows, state.updates + 1)


def plan_alone(state: State, columns: Columns, settings: Sequence[Settings]) -> tuple[Sequence[Settings], dict[str, Tensor]]:
    """See `trainlab.optimizers.step_apart`."""
    powers = advance_powers(state, columns)
    looked, weigh_gradient, weigh_mean = _look_ahead(state, columns)
    scale = (1 - powers["power2"]).sqrt()
    added = {"scale": scale, "weigh_gradient": weigh_gradient, "weigh_mean": weigh_mean}
    return [{**own, **more} for own, more in zip(settings, read_settings(added), strict=True)], {**powers, **looked}


def step_alone(parameters: Tensor, gradient: Tensor, held: dict[str, Tensor], settings: Settings) -> Tensor:
    """See `trainlab.optimizers.step_apart`."""
    stride = settings["lr"] * settings["scale"]
    for old, given, mean, square in cut(parameters, gradient, held["mean"], held["square"]):
        part, slope = advance_alone(old, given, mean, square, settings)
        divisor = square.sqrt().add_(settings["eps"] * settings["scale"])
        torch.addcdiv(part, slope, divisor, value=-stride * settings["weigh_gradient"], out=given)
        given.addcdiv_(mean, divisor, value=-stride * settings["weigh_mean"])
    return gradient


def _look_ahead(state: State, columns: Columns) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """The new rows of the state, and what gradient and mean are weighed with, `[run, 1]` in float64."""
    rise_power = state.rows["rise_power"] * columns["rise"]
    mu = columns["beta1"] * (1 - 0.5 * rise_power)
    following = columns["beta1"] * (1 - 0.5 * rise_power * columns["rise"])
    product = state.rows["mu_product"] * mu
    return {"rise_power": rise_power, "mu_product": product}, (1 - mu) / (1 - product), following / (1 - product * following)


def find_stride(state: State, columns: Columns) -> Tensor:
    """Lr / (sqrt(square/(1 - beta2^t)) + eps)."""
    return columns["lr"] / divide_root(state.rows["square"], state, columns)
