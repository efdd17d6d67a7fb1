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

Stacked = Mapping[str, Tensor]


def apply_linear(weights: Stacked, name: str, inputs: Tensor) -> Tensor:
    """`[run, place, feature]` to `[run, place, unit]`."""
    turned, bias = weights[f"{name}.weight"].mT, weights.get(f"{name}.bias")
    product = torch.bmm(inputs, turned)
    return product if bias is None else product.add_(bias[:, None])  # baddbmm lays it out in full first


def apply_norm(module: nn.Module | None, weights: Stacked, name: str, inputs: Tensor) -> Tensor:
    """A layer or RMS norm of `[run, place, feature]`, or nothing."""
    if module is None:
        return inputs
    if isinstance(module, nn.LayerNorm):
        normal = F.layer_norm(inputs, module.normalized_shape, eps=module.eps)
    else:
        normal = F.rms_norm(inputs, inputs.shape[-1:], eps=module.eps)  # type: ignore[arg-type]  # the other norm of steps
    weight, bias = weights.get(f"{name}.weight"), weights.get(f"{name}.bias")
    scaled = normal if weight is None else normal * weight[:, None]
    return scaled if bias is None else scaled + bias[:, None]


def look_up(weights: Stacked, name: str, tokens: Tensor) -> Tensor:
    """The rows of `[run, token, feature]` that stand for `[run, ...]` tokens, `[run, ..., feature]`."""
    table = weights[f"{name}.weight"]
    first = torch.arange(len(table), device=tokens.device).view(-1, *[1] * (tokens.dim() - 1)) * table.shape[1]
    return F.embedding(tokens + first, table.flatten(0, 1))


def attend(parts: Tensor, *, heads: int, causal: bool) -> Tensor:
    """What attention mixes, `[sample, step, width]`, from queries, keys and values side by side, `[sample, step, 3 * width]`."""
    mixed: Tensor = _Attend.apply(parts, heads, causal)[0]  # type: ignore[no-untyped-call]
    return mixed


class _Attend(torch.autograd.Function):
    """Forward and backward by hand: over a dimension as short as that of a step's scores, torch's softmax is slow."""

    @staticmethod
    def forward(parts: Tensor, heads: int, causal: bool) -> tuple[Tensor, Tensor, Tensor]:
        """What is mixed, and what backward needs: queries, keys and values by head, and the shares."""
        samples, steps, width = parts.shape[0], parts.shape[1], parts.shape[2] // 3
        laid = parts.view(samples, steps, 3, heads, width // heads).permute(2, 0, 3, 1, 4).contiguous()
        query, key, value = laid.flatten(1, 2).unbind()  # [sample * head, step, part of the width]
        scores = torch.bmm(query, key.mT)
        if causal:
            scores += torch.full((steps, steps), -torch.inf, dtype=scores.dtype, device=scores.device).triu(1)
        shares = scores.sub_(scores.amax(dim=-1, keepdim=True)).mul_((width // heads) ** -0.5).exp_()
        shares.div_(shares.sum(dim=-1, keepdim=True))
        mixed = torch.bmm(shares, value).view(samples, heads, steps, width // heads)
        return mixed.transpose(1, 2).reshape(samples, steps, width), laid, shares

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:  # noqa: ARG004  # all is in the output
        """Keep what backward needs."""
        ctx.save_for_backward(*output[1:])
        ctx.mark_non_differentiable(*output[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor, *_none: Tensor) -> tuple[Tensor, None, None]:
        """Gradient at queries, keys and values."""
        laid, shares = ctx.saved_tensors
        _, samples, heads, steps, part = laid.shape
        query, key, value = laid.flatten(1, 2).unbind()
        at_laid = torch.empty_like(laid)
        at_query, at_key, at_value = at_laid.flatten(1, 2).unbind()
        at_mixed = slope.reshape(samples, steps, heads, part).transpose(1, 2).reshape(-1, steps, part)
        torch.bmm(shares.mT, at_mixed, out=at_value)
        weighed = torch.bmm(at_mixed, value.mT).mul_(shares)
        at_scores = weighed.addcmul_(shares, weighed.sum(dim=-1, keepdim=True), value=-1).mul_(part**-0.5)
        torch.bmm(at_scores, key, out=at_query)
        torch.bmm(at_scores.mT, query, out=at_key)
        return at_laid.permute(1, 3, 0, 2, 4).reshape(samples, steps, 3 * heads * part), None, None
