"""Layers of many runs at once, in plain operations on stacked weights, for networks that know how to be computed so.

vmap takes operations apart and copies more than it has to. A function here takes the weights of all runs by name,
`{name: [run, ...]}`, and computes what the module does for each run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

aten = torch.ops.aten

Stacked = Mapping[str, Tensor]


def apply_linear(weights: Stacked, name: str, inputs: Tensor) -> Tensor:
    """`[run, place, feature]` to `[run, place, unit]`."""
    product: Tensor = _Linear.apply(inputs, weights[f"{name}.weight"], weights.get(f"{name}.bias"))  # type: ignore[no-untyped-call]
    return product


class _Linear(torch.autograd.Function):
    """The gradient at the weights lies as they do; autograd's, of weights that are turned, would have to be turned back."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """`[run, place, feature]`, `[run, unit, feature]` and `[run, unit]` to `[run, place, unit]`."""
        ctx.save_for_backward(inputs, weight)
        product = torch.bmm(inputs, weight.mT)
        return product if bias is None else product.add_(bias[:, None])  # baddbmm lays it out in full first

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Gradients at inputs, weights and bias, in operations that can be differentiated again."""
        inputs, weight = ctx.saved_tensors
        at_inputs, at_weight, at_bias = ctx.needs_input_grad
        return (
            torch.bmm(slope, weight) if at_inputs else None,
            torch.bmm(slope.mT, inputs) if at_weight else None,
            slope.sum(dim=1) if at_bias else None,
        )


def apply_norm(module: nn.Module | None, weights: Stacked, name: str, inputs: Tensor) -> Tensor:
    """A layer or RMS norm of `[run, place, feature]`, or nothing."""
    if module is None:
        return inputs
    weight, bias = weights.get(f"{name}.weight"), weights.get(f"{name}.bias")
    if isinstance(module, nn.LayerNorm):
        normal: Tensor = _LayerNorm.apply(inputs, weight, bias, module.eps)  # type: ignore[no-untyped-call]
        return normal
    normal = F.rms_norm(inputs, inputs.shape[-1:], eps=module.eps)  # type: ignore[arg-type]  # the other norm of steps
    return normal if weight is None else normal * weight[:, None]


class _LayerNorm(torch.autograd.Function):
    """torch's own, with a weight and a bias for each run."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
        """`[run, place, feature]` and `[run, feature]` to `[run, place, feature]`."""
        one = inputs.new_ones(inputs.shape[2])  # without a weight and a bias torch takes the numbers one by one
        normal, mean, inverse = torch.native_layer_norm(inputs, one.shape, one, torch.zeros_like(one), eps)
        ctx.save_for_backward(inputs, mean, inverse, *(() if weight is None else (normal, weight)))
        if weight is None:
            return normal
        return normal * weight[:, None] if bias is None else torch.addcmul(bias[:, None], normal, weight[:, None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        """Gradients at inputs, weight and bias."""
        inputs, mean, inverse, *scaling = ctx.saved_tensors
        at_normal, at_weight = slope, None
        if scaling:
            normal, weight = scaling
            at_normal, at_weight = slope * weight[:, None], (slope * normal).sum(dim=1)
        given = (at_normal, inputs, inputs.shape[2:], mean, inverse, None, None, [True, False, False])
        at_inputs = aten.native_layer_norm_backward.default(*given)[0]
        return at_inputs, at_weight, slope.sum(dim=1) if ctx.needs_input_grad[2] else None, None


def look_up(weights: Stacked, name: str, tokens: Tensor) -> Tensor:
    """The rows of `[run, token, feature]` that stand for `[run, ...]` tokens, `[run, ..., feature]`."""
    table = weights[f"{name}.weight"]
    first = torch.arange(len(table), device=tokens.device).view(-1, *[1] * (tokens.dim() - 1)) * table.shape[1]
    return F.embedding(tokens + first, table.flatten(0, 1))
