"""Adam (Kingma & Ba, 2015) and AdamW (Loshchilov & Hutter, 2019), with AMSGrad (Reddi et al., 2018).

The bias correction *shrinks* the start: without it the first step would be (1 - beta1)/sqrt(1 - beta2) times the rate, 3.162 times
at the default betas, and the tenth 6.5 times; with it each is the rate itself, however large a steady gradient is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.config.optimizer import Adam
from trainlab.optimizers._moments import advance_moments, advance_powers, divide_root, start_moments
from trainlab.optimizers._state import Columns, Settings, State, Step, make_column, read_settings


def start(specs: Sequence[Adam], like: Tensor) -> tuple[Step, State, Columns]:
    """See `trainlab.optimizers.start`."""
    state, columns = start_moments(specs, [spec.name == "adamw" for spec in specs], like)
    if any(spec.amsgrad for spec in specs):
        columns["amsgrad"] = make_column([float(spec.amsgrad) for spec in specs], like) > 0
        state = State({**state.rows, "largest": torch.zeros_like(like)})
    return _step, state, columns


def _step(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """W - lr/(1 - beta1^t) mean / (sqrt(square/(1 - beta2^t)) + eps)."""
    parameters, gradient, rows = advance_moments(parameters, gradient, state, columns)
    square = rows["square"]
    if "amsgrad" in columns:
        rows["largest"] = torch.maximum(state.rows["largest"], square)
        square = torch.where(columns["amsgrad"], rows["largest"], square)
    stride = columns["lr"] / (1 - rows["power1"]).to(parameters)
    scale = (1 - rows["power2"]).sqrt().to(parameters)
    # Numerator and divisor times the scale: a pass over the memory less
    change, divisor = (stride * scale) * rows["mean"], square.sqrt().add_(columns["eps"] * scale)
    return parameters.addcdiv(change, divisor, value=-1), State(rows, state.updates + 1)


def step_by_row(parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """The same by torch's own kernel, which writes over what it is given."""
    plans, moved = plan_alone(state, columns, read_settings(columns))
    rows = {name: each for name, each in state.rows.items() if name not in moved}
    if isinstance(state.updates, Tensor):  # some may go back to what they had
        rows = {name: each.clone() for name, each in rows.items()}
    after = parameters.clone()
    for row, plan in enumerate(plans):
        _move(after[row], gradient[row], {name: each[row] for name, each in rows.items()}, plan)
    return after, State({**rows, **moved}, state.updates + 1)


def plan_alone(state: State, columns: Columns, settings: Sequence[Settings]) -> tuple[Sequence[Settings], dict[str, Tensor]]:
    """See `trainlab.optimizers.step_apart`."""
    done = state.updates[:, 0].tolist() if isinstance(state.updates, Tensor) else [state.updates] * len(settings)
    return [{**each, "updates": count + 1} for each, count in zip(settings, done, strict=True)], advance_powers(state, columns)


def step_alone(parameters: Tensor, gradient: Tensor, held: dict[str, Tensor], settings: Settings) -> Tensor:
    """See `trainlab.optimizers.step_apart`."""
    after = parameters.clone()  # one pass over the memory takes less than the operations of a step that needs none
    _move(after.view(-1), gradient.view(-1), held, settings)
    return after


def _move(parameters: Tensor, gradient: Tensor, held: dict[str, Tensor], settings: Settings) -> None:
    """One step of some parameters of one run in place, by torch's own kernel; all are flat."""
    keeps_largest = bool(settings.get("amsgrad"))
    apart = settings.get("shrink", 0.0)
    step = torch._fused_adamw_ if apart else torch._fused_adam_
    step(
        [parameters],
        [gradient],
        [held["mean"]],
        [held["square"]],
        [held["largest"]] if keeps_largest else [],
        [torch.tensor(float(settings["updates"]))],
        lr=settings["lr"],
        beta1=settings["beta1"],
        beta2=settings["beta2"],
        weight_decay=apart or settings.get("weight_decay", 0.0),
        eps=settings["eps"],
        amsgrad=keeps_largest,
        maximize=False,
    )


def find_stride(state: State, columns: Columns) -> Tensor:
    """Lr / (sqrt(square/(1 - beta2^t)) + eps)."""
    square = state.rows["square"]
    if "amsgrad" in columns:
        square = torch.where(columns["amsgrad"], state.rows["largest"], square)
    return columns["lr"] / divide_root(square, state, columns)
