"""The two parts of a transformer's block for many runs at once, forward and backward written by hand on stacked tensors.

What autograd spends on the two dozen small operations of a block costs as much as some of them, and it can neither write over what
nobody asks for again nor leave memory out of order. Each function here takes the weights of all runs by name, `{name: [run, ...]}`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from trainlab.models._derivatives import DERIVATIVES
from trainlab.models._stacked import Stacked, apply_linear


def attend(weights: Stacked, name: str, inputs: Tensor, *, steps: int, heads: int, causal: bool) -> Tensor:
    """Attention, with the layers before and behind it: `[run, sample * step, width]` to the same."""
    given = [weights.get(f"{name}.{layer}.{kind}") for layer in ("qkv", "out") for kind in ("weight", "bias")]
    found: Tensor = _Attend.apply(inputs, *given, steps, heads, causal)  # type: ignore[no-untyped-call]
    return found


def feed_forward(weights: Stacked, name: str, act: nn.Module, inputs: Tensor) -> Tensor:
    """Two linear layers and the activation between them: `[run, place, feature]` to the same."""
    if type(act) not in DERIVATIVES:
        return apply_linear(weights, f"{name}.contract", act(apply_linear(weights, f"{name}.expand", inputs)))
    given = [weights.get(f"{name}.{layer}.{kind}") for layer in ("expand", "contract") for kind in ("weight", "bias")]
    found: Tensor = _FeedForward.apply(inputs, *given, type(act))  # type: ignore[no-untyped-call]
    return found


class _Attend(torch.autograd.Function):
    """Over a dimension as short as that of a step's scores torch's softmax is slow: here it is written out."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        qkv: Tensor,
        qkv_bias: Tensor | None,
        out: Tensor,
        out_bias: Tensor | None,
        steps: int,
        heads: int,
        causal: bool,
    ) -> Tensor:
        """See `attend`; of queries, keys and values by head only the places in memory are in another order."""
        width = inputs.shape[2]
        parts = _multiply(inputs, qkv, qkv_bias).view(-1, steps, 3, heads, width // heads)
        # Heads before samples: samples and steps, which lie one behind the other, are then copied as one
        laid = parts.permute(2, 3, 0, 1, 4).contiguous()
        query, key, value = laid.flatten(1, 2).unbind()  # [head * sample of a run, step, part of the width]
        scores = torch.bmm(query, key.mT)
        if causal:
            scores += torch.full((steps, steps), -torch.inf, dtype=scores.dtype, device=scores.device).triu(1)
        shares = scores.sub_(scores.amax(dim=-1, keepdim=True)).mul_((width // heads) ** -0.5).exp_()
        shares.div_(shares.sum(dim=-1, keepdim=True))
        mixed = torch.bmm(shares, value).view(laid.shape[1:]).permute(1, 2, 0, 3).reshape(inputs.shape)
        ctx.save_for_backward(inputs, qkv, out, laid, shares, mixed)
        return _multiply(mixed, out, out_bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients at inputs, weights and biases."""
        inputs, qkv, out, laid, shares, mixed = ctx.saved_tensors
        _, heads, _, steps, part = laid.shape
        query, key, value = laid.flatten(1, 2).unbind()
        at_laid = torch.empty_like(laid)
        at_query, at_key, at_value = at_laid.flatten(1, 2).unbind()
        at_mixed = torch.bmm(slope, out).view(-1, steps, heads, part).permute(2, 0, 1, 3).reshape(-1, steps, part)
        torch.bmm(shares.mT, at_mixed, out=at_value)
        weighed = torch.bmm(at_mixed, value.mT).mul_(shares)
        at_scores = weighed.addcmul_(shares, weighed.sum(dim=-1, keepdim=True), value=-1).mul_(part**-0.5)
        torch.bmm(at_scores, key, out=at_query)
        torch.bmm(at_scores.mT, query, out=at_key)
        at_parts = at_laid.permute(2, 3, 0, 1, 4).reshape(*inputs.shape[:2], -1)
        at_qkv, at_qkv_bias = _differentiate(at_parts, inputs, asked=ctx.needs_input_grad[1:3])
        at_out, at_out_bias = _differentiate(slope, mixed, asked=ctx.needs_input_grad[3:5])
        return torch.bmm(at_parts, qkv), at_qkv, at_qkv_bias, at_out, at_out_bias, None, None, None


class _FeedForward(torch.autograd.Function):
    """What leaves the first layer is four times what enters it: its gradient is written over."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        expand: Tensor,
        expand_bias: Tensor | None,
        contract: Tensor,
        contract_bias: Tensor | None,
        kind: type[nn.Module],
    ) -> Tensor:
        """See `feed_forward`."""
        activate, ctx.differentiate = DERIVATIVES[kind]
        linear = _multiply(inputs, expand, expand_bias)
        hidden = activate(linear)
        ctx.save_for_backward(inputs, expand, contract, linear, hidden)
        return _multiply(hidden, contract, contract_bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients at inputs, weights and biases."""
        inputs, expand, contract, linear, hidden = ctx.saved_tensors
        at_contract, at_contract_bias = _differentiate(slope, hidden, asked=ctx.needs_input_grad[3:5])
        at_linear = ctx.differentiate(torch.bmm(slope, contract), linear, hidden)
        at_expand, at_expand_bias = _differentiate(at_linear, inputs, asked=ctx.needs_input_grad[1:3])
        return torch.bmm(at_linear, expand), at_expand, at_expand_bias, at_contract, at_contract_bias, None


def _multiply(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`[run, place, feature]`, `[run, unit, feature]` and `[run, unit]` to `[run, place, unit]`."""
    product = torch.bmm(inputs, weight.mT)
    return product if bias is None else product.add_(bias[:, None])  # baddbmm lays it out in full first


def _differentiate(slope: Tensor, inputs: Tensor, *, asked: tuple[bool, ...]) -> tuple[Tensor | None, Tensor | None]:
    """Gradients at weight and bias of a linear layer."""
    return torch.bmm(slope.mT, inputs) if asked[0] else None, slope.sum(dim=1) if asked[1] else None
