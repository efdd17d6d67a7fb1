"""Where a run first left the finite numbers."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from trainlab.engine._precision import cast
from trainlab.engine._random import RandomState, fork_random
from trainlab.models._recurrent import RecurrentLayers
from trainlab.report import NonFinite
from trainlab.step import Batch, Layout


def find_nonfinite(
    model: nn.Module,
    parameters: dict[str, Tensor],
    batch: Batch,
    random: RandomState,
    *,
    update: int,
    loss: Tensor,
    raw: Tensor,
    after: Tensor,
    layout: Layout,
    precision: str = "float32",
) -> NonFinite:
    """Repeat the forward pass of the fatal update and name the first module whose output is not finite.

    Args:
        model: the network.
        parameters: its parameters and buffers as they were before the update.
        batch: the samples of the update, `[sample, ...]`.
        random: of torch's global streams before the update, so that a random layer does again what it did.
        update: its number, counted from 1.
        loss: scalar, as the update saw it.
        raw: `[total]` gradient, as the update saw it.
        after: `[total]` parameters after the update.
        layout: of the gradient and the parameters.
        precision: see `train.precision`.
    """
    largest = _find_largest(batch.inputs) if batch.inputs.is_floating_point() else None
    first: tuple[str, Tensor] | None = None
    names = {module: name for name, module in model.named_modules()}

    def look(module: nn.Module, _arguments: object, output: object) -> None:
        nonlocal largest, first
        values = output[0] if isinstance(output, tuple) and output else output  # of a recurrent layer: what it was at each step
        if first is not None or not isinstance(values, Tensor) or list(module.children()):
            return
        if bool(torch.isfinite(values).all()):
            largest = _find_largest(values)
            return
        first = (names[module], values)
        if isinstance(module, RecurrentLayers | nn.RNNBase):  # it grew from step to step, inside
            largest = _find_largest(values) or largest

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        with torch.no_grad(), fork_random(batch.inputs.device), cast(precision, batch.inputs.device):
            random.restore()
            model.train()
            functional_call(model, {name: each.clone() for name, each in parameters.items()}, (batch.inputs,))
    finally:
        for hook in hooks:
            hook.remove()
    if first is not None:
        return NonFinite(update=update, direction="forward", where=first[0], value=_kind(first[1]), last_finite=largest)
    if not bool(torch.isfinite(loss)):
        return NonFinite(update=update, direction="forward", where="loss", value=_kind(loss), last_finite=largest)
    gradients, moved = layout.split(raw[None]), layout.split(after[None])
    last = len(gradients) - 1
    for position in range(last, -1, -1):  # backward goes from the loss to the input
        part, name = gradients[position], layout.names[position]
        if not bool(torch.isfinite(part).all()):
            behind = float(gradients[position + 1].abs().max()) if position < last else None
            return NonFinite(update=update, direction="backward", where=name, value=_kind(part), last_finite=behind)
    broken = [position for position, part in enumerate(moved) if not bool(torch.isfinite(part).all())]
    position = broken[-1] if broken else last
    return NonFinite(
        update=update,
        direction="update",
        where=layout.names[position],
        value=_kind(moved[position]),
        last_finite=float(gradients[position].abs().max()),
    )


def _find_largest(tensor: Tensor) -> float | None:
    """Of the absolute values that are finite; None if there is none."""
    finite = tensor[torch.isfinite(tensor)]
    return float(finite.abs().max()) if finite.numel() else None


def _kind(tensor: Tensor) -> Literal["nan", "inf"]:
    return "nan" if bool(torch.isnan(tensor).any()) else "inf"
