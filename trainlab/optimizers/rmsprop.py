"""RMSProp (Hinton, 2012): over the root of a running mean of the squared gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.optimizer import RMSProp
from trainlab.optimizers._blocks import cut
from trainlab.optimizers._moments import average_squares
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

_LATE = torch.tensor(float("inf"))
"""A number of updates from which on Adam corrects nothing."""


def start(specs: Sequence[RMSProp], like: Tensor) -> tuple[Step, State, Columns]:
    """See `trainlab.optimizers.start`."""
    columns = {
        "lr": make_column([spec.lr for spec in specs], like),
        "keep": make_column([spec.alpha for spec in specs], like),
        "take": make_column([1 - spec.alpha for spec in specs], like),
        "eps": make_column([spec.eps for spec in specs], like),
        **make_decay([spec.weight_decay for spec in specs], like),
    }
    rows = {"square": torch.zeros_like(like)}
    if any(spec.centered for spec in specs):
        columns["centered"] = make_column([float(spec.centered) for spec in specs], like)
        rows["mean"] = torch.zeros_like(like)
    if any(spec.momentum for spec in specs):
        columns["momentum"] = make_column([spec.momentum for spec in specs], like)
        rows["speed"] = torch.zeros_like(like)
    return _step, State(rows), columns


def _step(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """V = momentum v + g / (sqrt(mean of g^2, less the square of the mean where centered) + eps), then w - lr v."""
    gradient = add_decay(parameters, gradient, columns)
    rows = {"square": average_squares(state.rows["square"], gradient, columns["keep"], columns["take"])}
    if "centered" in columns:
        rows["mean"] = state.rows["mean"].lerp(gradient, columns["take"])
    change = gradient / _find_spread(rows, columns).sqrt().add_(columns["eps"])
    if "momentum" in columns:
        change = rows["speed"] = change + columns["momentum"] * state.rows["speed"]
    return parameters - columns["lr"] * change, State(rows, state.updates + 1)


def plan_alone(_state: State, _columns: Columns, settings: Sequence[Settings]) -> tuple[Sequence[Settings], dict[str, Tensor]]:
    """See `trainlab.optimizers.step_apart`."""
    return settings, {}


def step_alone(parameters: Tensor, gradient: Tensor, held: dict[str, Tensor], settings: Settings) -> Tensor:
    """See `trainlab.optimizers.step_apart`."""
    if not settings.get("centered") and not settings.get("momentum"):
        return _step_fused(parameters, gradient.view(-1), held["square"], settings)
    names = ["square", *(["mean"] if settings.get("centered") else []), *(["speed"] if settings.get("momentum") else [])]
    for part, given, *rows in cut(parameters, gradient, *(held[name] for name in names)):
        own = dict(zip(names, rows, strict=True))
        slope = add_decay_alone(part, given, settings)
        spread = own["square"].mul_(settings["keep"]).addcmul_(slope, slope, value=settings["take"])
        if "mean" in own:
            mean = own["mean"].lerp_(slope, settings["take"])
            spread = spread.addcmul(mean, mean, value=-1)
        divisor = spread.sqrt().add_(settings["eps"])
        if "speed" in own:
            speed = own["speed"].mul_(settings["momentum"]).addcdiv_(slope, divisor)
            torch.add(part, speed, alpha=-settings["lr"], out=given)
        else:
            torch.addcdiv(part, slope, divisor, value=-settings["lr"], out=given)
    return gradient


def _step_fused(parameters: Tensor, gradient: Tensor, square: Tensor, settings: Settings) -> Tensor:
    """In one pass over the memory, as Adam's with beta1 = 0, whose running mean is the gradient, after its bias corrections."""
    after = parameters.clone()
    torch._fused_adam_(
        [after.view(-1)],
        [gradient],
        [gradient],
        [square],
        [],
        [_LATE],
        lr=settings["lr"],
        beta1=0.0,
        beta2=1 - settings["take"],
        weight_decay=settings.get("weight_decay", 0.0),
        eps=settings["eps"],
        amsgrad=False,
        maximize=False,
    )
    return after


def _find_spread(rows: dict[str, Tensor], columns: Columns) -> Tensor:
    if "centered" not in columns:
        return rows["square"]
    return rows["square"] - (columns["centered"] * rows["mean"]).mul_(rows["mean"])


def find_stride(state: State, columns: Columns) -> Tensor:
    """Lr/(1 - momentum) / (sqrt(spread) + eps)."""
    rate = columns["lr"] / (1 - columns["momentum"]) if "momentum" in columns else columns["lr"]
    return rate / (_find_spread(state.rows, columns).sqrt() + columns["eps"])
