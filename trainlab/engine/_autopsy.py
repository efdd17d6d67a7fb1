"""Where a run first left the finite numbers."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from trainlab.report import NonFinite
from trainlab.step import Batch, Layout


def find_nonfinite(
    model: nn.Module, parameters: dict[str, Tensor], batch: Batch, *, update: int, loss: Tensor, raw: Tensor, layout: Layout
) -> NonFinite:
    """Repeat the forward pass of the fatal update and name the first module whose output is not finite.

    Args:
        model: the network.
        parameters: its parameters and buffers as they were before the update.
        batch: the samples of the update, `[sample, ...]`.
        update: its number, counted from 1.
        loss: scalar, as the update saw it.
        raw: `[total]` gradient, as the update saw it.
        layout: of the gradient.
    """
    largest = 0.0
    first: tuple[str, Tensor] | None = None
    names = {module: name for name, module in model.named_modules()}

    def look(module: nn.Module, _arguments: object, output: object) -> None:
        nonlocal largest, first
        if first is not None or not isinstance(output, Tensor) or list(module.children()):
            return
        if bool(torch.isfinite(output).all()):
            largest = float(output.abs().max())
        else:
            first = (names[module], output)

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.train()
            functional_call(model, {name: each.clone() for name, each in parameters.items()}, (batch.inputs,))
    finally:
        for hook in hooks:
            hook.remove()
    if first is not None:
        return NonFinite(update=update, direction="forward", where=first[0], value=_kind(first[1]), last_finite=largest)
    if not bool(torch.isfinite(loss)):
        return NonFinite(update=update, direction="forward", where="loss", value=_kind(loss), last_finite=largest)
    parts = list(zip(layout.names, layout.split(raw[None]), strict=True))
    for position in range(len(parts) - 1, -1, -1):  # backward goes from the loss to the input
        name, part = parts[position]
        if not bool(torch.isfinite(part).all()):
            behind = float(parts[position + 1][1].abs().max()) if position + 1 < len(parts) else None
            return NonFinite(update=update, direction="backward", where=name, value=_kind(part), last_finite=behind)
    largest_name, largest_part = max(parts, key=lambda each: float(each[1].abs().max()))
    return NonFinite(
        update=update, direction="update", where=largest_name, value="inf", last_finite=float(largest_part.abs().max())
    )


def _kind(tensor: Tensor) -> Literal["nan", "inf"]:
    return "nan" if bool(torch.isnan(tensor).any()) else "inf"
