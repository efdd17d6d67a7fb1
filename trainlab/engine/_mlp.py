"""Fully connected networks, forward and backward written by hand on stacked tensors.

They are most of what a sweep trains, and a step of theirs is a few dozen small operations: what autograd and vmap spend on each
costs more than the arithmetic. Every derivative is the kernel that autograd itself would call, so the numbers are the same.

Samples lie last, `[run, unit, sample]`: a layer's bias and its gradient, and the outer product below a single output, then go
along the memory. And a step takes some rows at a time, as many as leave their activations in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from trainlab.engine._rows import Rows
from trainlab.engine._weights import Weights
from trainlab.losses import BY_WEIGHT, EACH, LOSSES, Loss, WeightedLoss, name_loss, read_classes
from trainlab.models.dropout import Dropout
from trainlab.models.mlp import FullyConnected
from trainlab.step import Batch, Layout

aten = torch.ops.aten

SLICE_BYTES = 2**20
"""Output of the widest layer for the rows that are computed at a time; with its gradient it fills a core's cache."""

Backward = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(gradient at the output, input, output) to the gradient at the input; may write over the gradient."""

ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Backward]] = {
    # The derivatives of the first four ask for the output only, so they work in place: a stack is bound by memory traffic.
    nn.Identity: (lambda z: z, lambda g, _z, _a: g),
    nn.ReLU: (torch.relu_, lambda g, _z, a: aten.threshold_backward(g, a, 0, grad_input=g)),
    nn.Sigmoid: (torch.sigmoid_, lambda g, _z, a: aten.sigmoid_backward(g, a, grad_input=g)),
    nn.Tanh: (torch.tanh_, lambda g, _z, a: aten.tanh_backward(g, a, grad_input=g)),
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
    log, log_other = (each.clamp_min_(-100.0) for each in (output.log(), (-output).log1p_()))  # NaN where it is no share of 1
    loss = log_other.lerp_(log, target).mean(dim=(1, 2)).neg_()
    return loss, aten.binary_cross_entropy_backward(
        torch.full_like(output, 1 / output[0].numel()), output, target if soft is None else soft, None, 0
    )


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


def _weigh(loss: WeightedLoss) -> GradedLoss:
    """The same for a loss in which samples count by the weight of their class."""

    def weigh(target: Tensor) -> Tensor:
        weight = loss.weights[read_classes(target)]
        return weight / weight.mean(dim=1, keepdim=True) if loss.name in BY_WEIGHT else weight  # [run, sample]

    def grade(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
        share = weigh(target)[:, :, None]
        each = EACH[loss.name](output, target) * share
        return each.mean(dim=(1, 2)), GRADED[loss.name](output, target, soft)[1] * share

    def grade_cross_entropy(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
        log_shares, index, share = output.log_softmax(dim=2), target[:, :, None], weigh(target)
        told = -log_shares.gather(2, index)[:, :, 0] * share
        if soft is None:
            gradient = log_shares.exp().scatter_add_(2, index, torch.full_like(log_shares[:, :, :1], -1.0)) * share[:, :, None]
        else:
            wanted = soft * loss.weights / loss.weights[target].mean(dim=1)[:, None, None]
            gradient = log_shares.exp() * wanted.sum(dim=2, keepdim=True) - wanted
        return told.mean(dim=1), gradient / output.shape[1]

    return grade_cross_entropy if loss.name == "cross_entropy" else grade


def _find_graded(loss: str | Loss) -> GradedLoss:
    return _weigh(loss) if isinstance(loss, WeightedLoss) else GRADED[name_loss(loss)]


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
    """See `trainlab.engine._programs.Program`.

    Attributes:
        room: how many rows a stack must have; that holds for each slice of it, too.
    """

    how = "stacked"

    def __init__(self, network: Network, layout: Layout, loss: str | Loss, room: Rows) -> None:
        self.layers, self.mask, self.layout, self.loss, self.room = network.layers, network.mask, layout, _find_graded(loss), room
        self._memory: dict[tuple[str, torch.Size, torch.dtype], Tensor] = {}

    def loss_and_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> tuple[Tensor, Tensor, Weights]:  # noqa: ARG002  # nothing it computes is in fp16
        """See Program."""
        gradient = torch.empty_like(weights.flat)
        losses = [
            self._differentiate(weights.part(rows), batch.part(rows), gradient[rows]) for rows in self._slice(weights, batch.inputs)
        ]
        return torch.cat(losses), gradient, weights

    def input_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """See Program."""
        found = torch.empty_like(batch.inputs)
        for rows in self._slice(weights, batch.inputs):
            self._differentiate(weights.part(rows), batch.part(rows), None, found[rows])
        return found if self.mask is None else found.mul_(weights.fixed[self.mask])

    def _slice(self, weights: Weights, inputs: Tensor) -> list[slice]:
        """The rows that are computed at a time."""
        widest = max(self.layout.shapes[self.layout.names.index(layer.weight)][0] for layer in self.layers)
        return self.room.split(len(weights.flat), SLICE_BYTES // (inputs.shape[1] * widest * inputs.element_size()))

    def _differentiate(self, weights: Weights, batch: Batch, slopes: Tensor | None, at_inputs: Tensor | None = None) -> Tensor:
        """Loss `[run]`; the gradient `[run, total]` goes into `slopes`, and that at what enters the first layer to `at_inputs`."""
        parameters, fixed = self.layout.unflatten(weights.flat), weights.fixed
        found = None if slopes is None else self.layout.unflatten(slopes)
        # As what they are multiplied with lies, which is done twice
        masks = {each.mask: fixed[each.mask].transpose(1, 2).contiguous() for each in self.layers if each.mask is not None}
        entered, linear, left = [], [], []
        samples = batch.inputs.shape[1]
        hidden = (batch.inputs if self.mask is None else batch.inputs * fixed[self.mask]).transpose(1, 2)
        for layer in self.layers:
            entered.append(hidden)
            z = _apply(layer, parameters, hidden, self._reserve(layer.weight, weights.flat, samples, out=True))
            a = layer.activate(z)
            linear.append(z)
            left.append(a)
            kept = a if layer.mask is None else a * masks[layer.mask]
            hidden = hidden + kept if layer.adds_input else kept
        loss, at_output = self.loss(hidden.transpose(1, 2), batch.target, batch.soft)
        gradient = at_output.transpose(1, 2)
        for index in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[index]
            if layer.mask is not None:
                kept = gradient * masks[layer.mask]
            elif layer.adds_input:
                kept = gradient.clone()  # it is asked for once more below
            else:
                kept = gradient
            inner = layer.differentiate(kept, linear[index], left[index])  # [run, out, sample]
            if found is not None:
                torch.bmm(inner, entered[index].transpose(1, 2), out=found[layer.weight])
                if layer.bias is not None:
                    torch.sum(inner, dim=2, out=found[layer.bias])
            if index or at_inputs is not None:
                multiply = torch.mul if inner.shape[1] == 1 else torch.bmm
                room = self._reserve(layer.weight, weights.flat, samples, out=False)
                below = multiply(parameters[layer.weight].transpose(1, 2), inner, out=room)
                gradient = below.add_(gradient) if layer.adds_input else below
        if at_inputs is not None:
            at_inputs.copy_(gradient.transpose(1, 2))
        return loss

    def _reserve(self, weight: str, flat: Tensor, samples: int, *, out: bool) -> Tensor:
        """Memory for what leaves a layer, or for the gradient at what enters it: the same at each step, to stay in the cache.

        New memory costs as much as the arithmetic: the system clears each page of it.
        """
        units = self.layout.shapes[self.layout.names.index(weight)][0 if out else 1]
        key = (f"{weight} {out}", torch.Size((len(flat), units, samples)), flat.dtype)
        if key not in self._memory:
            self._memory[key] = flat.new_empty(key[1])
        return self._memory[key]

    def predict(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See Program."""
        parameters = self.layout.unflatten(weights.flat)
        hidden = inputs.transpose(1, 2)
        for layer in self.layers:
            a = layer.activate(_apply(layer, parameters, hidden))
            hidden = hidden + a if layer.adds_input else a
        return hidden.transpose(1, 2)


def _apply(layer: _Layer, parameters: dict[str, Tensor], hidden: Tensor, room: Tensor | None = None) -> Tensor:
    """`[run, in, sample]` to `[run, out, sample]`, in `room` if that is given."""
    linear = torch.bmm(parameters[layer.weight], hidden) if room is None else torch.bmm(parameters[layer.weight], hidden, out=room)
    return linear if layer.bias is None else linear.add_(parameters[layer.bias][:, :, None])
