"""Fully connected networks, forward and backward written by hand on stacked tensors.

They are most of what a sweep trains, and a step of theirs is a few dozen small operations: what autograd and vmap spend on each
costs more than the arithmetic. Every derivative is the kernel that autograd itself would call, so the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from trainlab.engine._programs import Weights
from trainlab.losses import LOSSES, bce_each
from trainlab.models.dropout import Dropout
from trainlab.models.mlp import FullyConnected
from trainlab.step import Batch, Layout

aten = torch.ops.aten

Backward = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(gradient at the output, input, output) to the gradient at the input."""

ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Backward]] = {
    # The derivatives of the first four ask for the output only, so they work in place: a stack is bound by memory traffic.
    nn.Identity: (lambda z: z, lambda g, _z, _a: g),
    nn.ReLU: (torch.relu_, lambda g, _z, a: aten.threshold_backward(g, a, 0)),
    nn.Sigmoid: (torch.sigmoid_, lambda g, _z, a: aten.sigmoid_backward(g, a)),
    nn.Tanh: (torch.tanh_, lambda g, _z, a: aten.tanh_backward(g, a)),
    nn.LeakyReLU: (F.leaky_relu, lambda g, z, _a: aten.leaky_relu_backward(g, z, 0.01, False)),
    nn.ELU: (F.elu, lambda g, z, _a: aten.elu_backward(g, 1.0, 1.0, 1.0, False, z)),
    nn.SELU: (
        F.selu,
        lambda g, z, _a: aten.elu_backward(g, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0, False, z),
    ),
    nn.GELU: (F.gelu, lambda g, z, _a: aten.gelu_backward(g, z)),
    nn.SiLU: (F.silu, lambda g, z, _a: aten.silu_backward(g, z)),
    nn.Softplus: (F.softplus, lambda g, z, _a: aten.softplus_backward(g, z, 1.0, 20.0)),
    nn.Hardtanh: (F.hardtanh, lambda g, z, _a: aten.hardtanh_backward(g, z, -1.0, 1.0)),
    nn.ReLU6: (F.relu6, lambda g, z, _a: aten.hardtanh_backward(g, z, 0.0, 6.0)),
}
"""Only with the arguments that torch gives them by default, which is how `trainlab.models` makes them."""


def _loss_sum(output: Tensor, _target: Tensor | None, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    return output.sum(dim=(1, 2)), torch.ones_like(output)


def _loss_mse(output: Tensor, target: Tensor, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    error = output - target
    return error.square().mean(dim=(1, 2)), error * (2 / error[0].numel())


def _loss_l1(output: Tensor, target: Tensor, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    error = output - target
    return error.abs().mean(dim=(1, 2)), error.sign() / error[0].numel()


def _loss_huber(output: Tensor, target: Tensor, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    error = output - target
    loss = F.huber_loss(output, target, reduction="none").mean(dim=(1, 2))
    return loss, error.clamp(-1, 1) / error[0].numel()


def _loss_bce(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    loss = bce_each(output, target).mean(dim=(1, 2))
    return loss, aten.binary_cross_entropy_backward(
        torch.ones_like(output), output, target if soft is None else soft, None, 0
    ) / output[0].numel()


def _loss_bce_logits(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    loss = F.binary_cross_entropy_with_logits(output, target, reduction="none").mean(dim=(1, 2))
    return loss, (output.sigmoid() - (target if soft is None else soft)) / output[0].numel()


def _loss_cross_entropy(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    log_shares = output.log_softmax(dim=2)
    index = target[:, :, None]
    shares = log_shares.exp()
    one = torch.full_like(log_shares[:, :, :1], -1.0)
    gradient = shares.scatter_add_(2, index, one) if soft is None else shares - soft
    return -log_shares.gather(2, index)[:, :, 0].mean(dim=1), gradient / output.shape[1]


GradedLoss = Callable[..., tuple[Tensor, Tensor]]
"""`[run, sample, output]`, the target and the soft target or None: to the mean loss of the target, `[run]`, and the gradient at
the output of the loss that is minimised."""

GRADED: dict[str, GradedLoss] = {
    "sum": _loss_sum,
    "mse": _loss_mse,
    "l1": _loss_l1,
    "huber": _loss_huber,
    "bce": _loss_bce,
    "bce_logits": _loss_bce_logits,
    "cross_entropy": _loss_cross_entropy,
}
assert GRADED.keys() == LOSSES.keys()


@dataclass(frozen=True, slots=True)
class _Layer:
    """A linear layer, its activation and its dropout: where their tensors lie, and whether the input is added to the output."""

    weight: str
    bias: str | None
    activate: Callable[[Tensor], Tensor]
    differentiate: Backward
    mask: str | None
    adds_input: bool


@dataclass(frozen=True, slots=True)
class Network:
    """Layers, and the mask of a dropout on the inputs."""

    layers: tuple[_Layer, ...]
    mask: str | None


def read_network(model: nn.Module, layout: Layout) -> Network | None:
    """The network as linear layers with activations and dropout; None if it has anything else in it, or frozen parameters."""
    if not isinstance(model, FullyConnected):
        return None
    layers, start, entrance = [], 0, None
    for length, adds in zip(model.lengths, model.adds, strict=True):
        first, *rest = list(model.model)[start : start + length]
        if isinstance(first, Dropout) and not rest and start == 0:
            entrance, start = "model.0.mask", 1
            continue
        mask = f"model.{start + len(rest)}.mask" if rest and isinstance(rest[-1], Dropout) else None
        rest = rest[:-1] if mask else rest
        activation = rest[0] if rest else nn.Identity()
        if not isinstance(first, nn.Linear) or len(rest) > 1 or type(activation) not in ACTIVATIONS:
            return None
        weight, bias = f"model.{start}.weight", f"model.{start}.bias" if first.bias is not None else None
        if not {weight, bias or weight} <= set(layout.names):
            return None
        layers.append(_Layer(weight, bias, *ACTIVATIONS[type(activation)], mask, adds))
        start += length
    return Network(tuple(layers), entrance)


class HandWritten:
    """See `trainlab.engine._programs.Program`."""

    how = "stacked"

    def __init__(self, network: Network, layout: Layout, loss: str) -> None:
        self.layers, self.mask, self.layout, self.loss = network.layers, network.mask, layout, GRADED[loss]

    def loss_and_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> tuple[Tensor, Tensor, Weights]:  # noqa: ARG002  # nothing it computes is in fp16
        """See Program."""
        loss, found, _ = self._differentiate(weights, batch, down_to_inputs=False)
        return loss, torch.cat([found[name].flatten(1) for name in self.layout.names], dim=1), weights

    def input_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """See Program."""
        gradient = self._differentiate(weights, batch, down_to_inputs=True)[2]
        return gradient if self.mask is None else gradient * weights.fixed[self.mask]

    def _differentiate(self, weights: Weights, batch: Batch, *, down_to_inputs: bool) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Loss `[run]`, gradient of each parameter by name, and, if asked for, at what enters the first layer."""
        parameters, fixed = self.layout.unflatten(weights.flat), weights.fixed
        entered, linear, left = [], [], []
        hidden = batch.inputs if self.mask is None else batch.inputs * fixed[self.mask]
        for layer in self.layers:
            entered.append(hidden)
            z = _apply(layer, parameters, hidden)
            a = layer.activate(z)
            linear.append(z)
            left.append(a)
            kept = a if layer.mask is None else a * fixed[layer.mask]
            hidden = hidden + kept if layer.adds_input else kept
        loss, gradient = self.loss(hidden, batch.target, batch.soft)
        found: dict[str, Tensor] = {}
        for index in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[index]
            kept = gradient if layer.mask is None else gradient * fixed[layer.mask]
            inner = layer.differentiate(kept, linear[index], left[index])  # [run, sample, out]
            found[layer.weight] = torch.bmm(inner.transpose(1, 2), entered[index])
            if layer.bias is not None:
                found[layer.bias] = inner.sum(dim=1)
            if index or down_to_inputs:
                weight = parameters[layer.weight]
                below = inner * weight if inner.shape[2] == 1 else torch.bmm(inner, weight)
                gradient = gradient + below if layer.adds_input else below
        return loss, found, gradient

    def predict(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See Program."""
        parameters = self.layout.unflatten(weights.flat)
        hidden = inputs
        for layer in self.layers:
            a = layer.activate(_apply(layer, parameters, hidden))
            hidden = hidden + a if layer.adds_input else a
        return hidden


def _apply(layer: _Layer, parameters: dict[str, Tensor], hidden: Tensor) -> Tensor:
    """`[run, sample, in]` to `[run, sample, out]`."""
    weight = parameters[layer.weight].transpose(1, 2)
    linear = torch.bmm(hidden, weight)
    return linear if layer.bias is None else linear.add_(parameters[layer.bias][:, None])
