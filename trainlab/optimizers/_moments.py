"""The running means of the gradient and of its square that Adam and its relatives share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.optimizer import Adam, NAdam, RAdam
from trainlab.optimizers._state import (
    Columns,
    Settings,
    State,
    add_decay,
    add_decay_alone,
    make_column,
    make_decay,
    make_double_column,
)


def start_moments(specs: Sequence[Adam | NAdam | RAdam], decoupled: Sequence[bool], like: Tensor) -> tuple[State, Columns]:
    """The first state and the columns.

    The powers beta^t are kept as running products: in float64, because the bias corrections are 1 minus powers close to 1, and not
    made by `**`, whose last bit is another at the end of a tensor.

    Args:
        specs: one `optimizer` section a run.
        decoupled: for each, whether its decay shrinks the weights instead of adding to the gradient.
        like: `[run, size]` parameters.
    """
    coupled = [0.0 if apart else spec.weight_decay for spec, apart in zip(specs, decoupled, strict=True)]
    shrink = [spec.weight_decay if apart else 0.0 for spec, apart in zip(specs, decoupled, strict=True)]
    columns = {
        "lr": make_column([spec.lr for spec in specs], like),
        "eps": make_column([spec.eps for spec in specs], like),
        "take1": make_column([1 - spec.betas[0] for spec in specs], like),
        "take2": make_column([1 - spec.betas[1] for spec in specs], like),
        "keep2": make_column([spec.betas[1] for spec in specs], like),
        "beta1": make_double_column([spec.betas[0] for spec in specs], like),
        "beta2": make_double_column([spec.betas[1] for spec in specs], like),
        **make_decay(coupled, like),
        **make_decay(shrink, like, "shrink"),
    }
    ones = torch.ones_like(columns["beta1"])
    rows = {"mean": torch.zeros_like(like), "square": torch.zeros_like(like), "power1": ones, "power2": ones}
    return State(rows), columns


def advance_moments(
    parameters: Tensor, gradient: Tensor, state: State, columns: Columns
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The parameters after decoupled decay, the gradient with coupled decay, and the new rows of the state."""
    gradient = add_decay(parameters, gradient, columns)
    if "shrink" in columns:
        parameters = parameters * (1 - columns["lr"] * columns["shrink"])
    rows = {
        "mean": state.rows["mean"].lerp(gradient, columns["take1"]),
        "square": average_squares(state.rows["square"], gradient, columns["keep2"], columns["take2"]),
        **advance_powers(state, columns),
    }
    return parameters, gradient, rows


def advance_alone(parameters: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """As `advance_moments`, for some parameters of one run: the running means in place, and coupled decay in the gradient."""
    gradient = add_decay_alone(parameters, gradient, settings)
    if settings.get("shrink"):
        parameters = parameters * (1 - settings["lr"] * settings["shrink"])
    mean.lerp_(gradient, settings["take1"])
    square.mul_(settings["keep2"]).addcmul_(gradient, gradient, value=settings["take2"])
    return parameters, gradient


def advance_powers(state: State, columns: Columns) -> dict[str, Tensor]:
    """The powers of beta after one more update."""
    return {name: state.rows[name] * columns[beta] for name, beta in (("power1", "beta1"), ("power2", "beta2"))}


def average_squares(square: Tensor, gradient: Tensor, keep: Tensor, take: Tensor) -> Tensor:
    """The running mean of squares after one more gradient; `lerp` would make NaN of one that has overflowed."""
    return (keep * square).addcmul_(take * gradient, gradient)


def divide_root(square: Tensor, state: State, columns: Columns) -> Tensor:
    """sqrt(square/(1 - beta2^t)) + eps."""
    scale = (1 - state.rows["power2"]).sqrt().to(square)
    return square.sqrt().div_(scale).add_(columns["eps"])
