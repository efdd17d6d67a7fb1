"""AdaGrad (Duchi et al., 2011): over the root of the sum of all squared gradients.

The *sum*, as in torch and in the paper. Lee's lectures divide by the root *mean* square instead, which is another method: its
steps do not shrink under a steady gradient, and burst when the gradient wakes up after a long calm.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.optimizer import AdaGrad
from trainlab.optimizers._blocks import cut
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


def start(specs: Sequence[AdaGrad], like: Tensor) -> tuple[Step, State, Columns]:
    """See `trainlab.optimizers.start`."""
    columns = {
        "lr": make_column([spec.lr for spec in specs], like),
        "lr_decay": make_column([spec.lr_decay for spec in specs], like),
        "eps": make_column([spec.eps for spec in specs], like),
        **make_decay([spec.weight_decay for spec in specs], like),
    }
    total = torch.zeros_like(like) + make_column([spec.initial_accumulator_value for spec in specs], like)
    return _step, State({"total": total}), columns


def _step(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """W - lr/(1 + t lr_decay) g / (sqrt(sum of g^2) + eps), t from 0."""
    gradient = add_decay(parameters, gradient, columns)
    total = (gradient * gradient).add_(state.rows["total"])
    rate = columns["lr"] / (1 + state.updates * columns["lr_decay"])
    change = (rate * gradient).div_(total.sqrt().add_(columns["eps"]))
    return parameters - change, State({"total": total}, state.updates + 1)


def plan_alone(state: State, _columns: Columns, settings: Sequence[Settings]) -> tuple[Sequence[Settings], dict[str, Tensor]]:
    """See `trainlab.optimizers.step_apart`."""
    return [{**each, "stride": each["lr"] / (1 + int(state.updates) * each["lr_decay"])} for each in settings], {}


def step_alone(parameters: Tensor, gradient: Tensor, held: dict[str, Tensor], settings: Settings) -> Tensor:
    """See `trainlab.optimizers.step_apart`."""
    for part, given, total in cut(parameters, gradient, held["total"]):
        slope = add_decay_alone(part, given, settings)
        divisor = total.addcmul_(slope, slope).sqrt().add_(settings["eps"])
        torch.addcdiv(part, slope, divisor, value=-settings["stride"], out=given)
    return gradient


def find_stride(state: State, columns: Columns) -> Tensor:
    """Lr/(1 + t lr_decay) / (sqrt(sum of g^2) + eps)."""
    rate = columns["lr"] / (1 + (state.updates - 1) * columns["lr_decay"])
    return rate / (state.rows["total"].sqrt() + columns["eps"])
