"""Layers of many runs at once, in plain operations on stacked weights, for networks that know how to be computed so.

What vmap makes of a network copies more than it has to, and torch's softmax is slow over few numbers. A function here takes the
weights of all runs by name, `{name: [run, ...]}`, and computes what the module does for each run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

Stacked = Mapping[str, Tensor]


def apply_linear(weights: Stacked, name: str, inputs: Tensor) -> Tensor:
    """`[run, place, feature]` to `[run, place, unit]`."""
    turned, bias = weights[f"{name}.weight"].mT, weights.get(f"{name}.bias")
    return torch.bmm(inputs, turned) if bias is None else torch.baddbmm(bias[:, None], inputs, turned)


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


class Softmax(torch.autograd.Function):
    """Over the last dimension, written out: several times as fast as torch's where that dimension is shorter than a register."""

    @staticmethod
    def forward(scores: Tensor) -> Tensor:
        """Shares of the same shape."""
        shares = torch.sub(scores, scores.amax(dim=-1, keepdim=True)).exp_()
        return shares.div_(shares.sum(dim=-1, keepdim=True))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004  # only the shares are needed
        """Keep the shares."""
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:  # type: ignore[override]  # one output, one gradient
        """Gradient at the scores; can be differentiated again."""
        (shares,) = ctx.saved_tensors
        weighed = slope * shares
        return torch.addcmul(weighed, shares, weighed.sum(dim=-1, keepdim=True), value=-1)


def attend(parts: Tensor, *, heads: int, causal: bool) -> Tensor:
    """What attention mixes, `[sample, step, width]`, from queries, keys and values side by side, `[sample, step, 3 * width]`."""
    samples, steps, width = parts.shape[0], parts.shape[1], parts.shape[2] // 3
    laid = parts.view(samples, steps, 3, heads, width // heads).permute(2, 0, 3, 1, 4).contiguous()
    query, key, value = laid.flatten(1, 2).unbind()  # [sample * head, step, part of the width]
    mask = parts.new_zeros(1)
    if causal:
        mask = parts.new_full((steps, steps), -torch.inf).triu(1)
    scores = torch.baddbmm(mask, query, key.mT, beta=1 if causal else 0, alpha=(width // heads) ** -0.5)
    shares: Tensor = Softmax.apply(scores)  # type: ignore[no-untyped-call]
    mixed = torch.bmm(shares, value).view(samples, heads, steps, width // heads)
    return mixed.transpose(1, 2).reshape(samples, steps, width)
