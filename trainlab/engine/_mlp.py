"""Fully connected networks, forward and backward written by hand on stacked tensors.

They are most of what a sweep trains, and a step of theirs is a few dozen small operations: what autograd and vmap spend on each
costs more than the arithmetic. Every derivative is the kernel that autograd itself would call, so the numbers are the same.

Samples lie last, `[run, unit, sample]`: a layer's bias and its gradient, and the outer product below a single output, then go
along the memory. And a step takes some rows at a time, as many as leave their activations in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from trainlab.engine._grading import find_graded
from trainlab.engine._normalizing import Normalizer, Taken, read_normalizer
from trainlab.engine._rows import Rows
from trainlab.engine._weights import Weights
from trainlab.losses import Loss
from trainlab.models._derivatives import DERIVATIVES, Backward, keep
from trainlab.models.dropout import Dropout
from trainlab.models.mlp import FullyConnected
from trainlab.step import Batch, Layout

SLICE_BYTES = 2**20
"""Output of the widest layer for the rows that are computed at a time; with its gradient it fills a core's cache."""
ALONE = 1.6
"""How much more that may be where the gradient takes the place of the output."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """A linear layer, its activation, its norm before or after that, and its dropout: where their tensors lie.

    And whether the input is added to the output.
    """

    weight: str
    bias: str | None
    activate: Callable[[Tensor], Tensor]
    differentiate: Backward
    before: Normalizer | None
    after: Normalizer | None
    mask: str | None
    adds_input: bool

    @property
    def drops_in_place(self) -> bool:
        """Whether the mask may be multiplied into the output itself: what it leaves says all that the way back asks of it."""
        return self.activate is torch.relu_ and self.after is None


@dataclass(frozen=True, slots=True)
class Network:
    """Layers, and a norm and the mask of a dropout on the inputs."""

    layers: tuple[_Layer, ...]
    entrance: Normalizer | None
    mask: str | None


def read_network(model: nn.Module, layout: Layout) -> Network | None:
    """The network as linear layers with activations, batch norm and dropout.

    None if it has anything else in it, or frozen parameters.
    """
    if not isinstance(model, FullyConnected):
        return None
    layers: list[_Layer] = []
    start, entrance, at_inputs = 0, None, None
    for length, adds in zip(model.lengths, model.adds, strict=True):
        named = {f"model.{place}": model.model[place] for place in range(start, start + length)}
        start += length
        mask = next((f"{name}.mask" for name, each in named.items() if isinstance(each, Dropout)), None)
        norm = next((found for name, each in named.items() if (found := read_normalizer(each, name))), None)
        names = [name for name, each in named.items() if not isinstance(each, Dropout | nn.BatchNorm1d)]
        if not names and not layers:
            entrance, at_inputs = norm, mask
            continue
        first, activation = named[names[0]], named[names[1]] if names[1:] else nn.Identity()
        if not isinstance(first, nn.Linear) or len(names) > 2 or type(activation) not in DERIVATIVES:
            return None
        weight, bias = f"{names[0]}.weight", f"{names[0]}.bias" if first.bias is not None else None
        is_after = norm is not None and list(named).index(norm.name) > 1
        before, after = (None, norm) if is_after else (norm, None)
        layers.append(_Layer(weight, bias, *DERIVATIVES[type(activation)], before, after, mask, adds))
    if not {name for name, _ in model.named_parameters()} <= set(layout.names):
        return None
    return Network(tuple(layers), entrance, at_inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trip:
    """Through the network and back, with some rows of a stack.

    Attributes:
        flat: `[run, total]` parameters.
        parameters: the same, by name.
        slopes: their gradients, to be filled; None if they are not asked for, and then running statistics stay as they are.
        fixed: see `trainlab.engine._weights.Weights`.
        masks: of the layers that drop, `[run, unit, sample]`.
        taken: what each norm needs on the way back.
        passed: for each layer what enters it, and what enters and leaves its activation.
    """

    flat: Tensor
    parameters: dict[str, Tensor]
    slopes: dict[str, Tensor] | None
    fixed: dict[str, Tensor]
    masks: dict[str, Tensor]
    taken: dict[str, Taken] = field(default_factory=dict)
    passed: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    def normalize(self, norm: Normalizer | None, values: Tensor) -> Tensor:
        """What leaves a norm."""
        if norm is None:
            return values
        found, self.taken[norm.name] = norm.normalize(values, self.parameters, None if self.slopes is None else self.fixed)
        return found

    def undo(self, norm: Normalizer | None, gradient: Tensor) -> Tensor:
        """The gradient at what enters a norm."""
        return gradient if norm is None else norm.differentiate(gradient, self.taken[norm.name], self.parameters, self.slopes)


class HandWritten:
    """See `trainlab.engine._programs.Program`.

    Attributes:
        room: how many rows a stack must have; that holds for each slice of it, too.
    """

    how = "stacked"

    def __init__(self, network: Network, layout: Layout, loss: str | Loss, room: Rows) -> None:
        self.layers, self.entrance, self.mask = network.layers, network.entrance, network.mask
        self.layout, self.loss, self.room = layout, find_graded(loss), room
        self._memory: dict[tuple[str, torch.Size, torch.dtype], Tensor] = {}
        shapes = dict(zip(layout.names, layout.shapes, strict=True))
        self._units = [shapes[layer.weight][0] for layer in self.layers]
        self._waits = [self._can_wait(index) for index in range(len(self.layers))]

    def _can_wait(self, index: int) -> bool:
        """Whether the product with the weights of that layer, on the way back, can wait for the gradient of the weights below.

        To a single output each unit below adds a factor. What lies between takes every unit by itself, so the factor may as well be
        one of that gradient, which has fewer numbers than the samples.
        """
        layer, below = self.layers[index], self.layers[index - 1]
        is_single = index > 0 and self._units[index] == 1 < self._units[index - 1]
        return is_single and not (layer.adds_input or below.adds_input or below.before or below.after or below.activate is keep)

    def loss_and_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> tuple[Tensor, Tensor, Weights]:  # noqa: ARG002  # nothing it computes is in fp16
        """See Program."""
        gradient, told = torch.empty_like(weights.flat), None
        for rows in self._slice(weights, batch.inputs):
            found = self._differentiate(weights.part(rows), batch.part(rows), gradient[rows])
            told = found.new_empty(len(gradient), *found.shape[1:]) if told is None else told
            told[rows] = found
        return self.loss.total(told, batch.target), gradient, weights

    def input_gradient(self, weights: Weights, batch: Batch, scale: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """See Program."""
        found = torch.empty_like(batch.inputs)
        for rows in self._slice(weights, batch.inputs):
            self._differentiate(weights.part(rows), batch.part(rows), None, found[rows])
        return found

    def _slice(self, weights: Weights, inputs: Tensor) -> list[slice]:
        """The rows that are computed at a time."""
        most = SLICE_BYTES * (ALONE if self._waits[-1] else 1) / (inputs.shape[1] * max(self._units) * inputs.element_size())
        return self.room.split(len(weights.flat), int(most))

    def _differentiate(self, weights: Weights, batch: Batch, slopes: Tensor | None, at_inputs: Tensor | None = None) -> Tensor:
        """What the loss is told; the gradient `[run, total]` goes into `slopes`, or else that at the inputs to `at_inputs`.

        Without `slopes` running statistics stay as they are.
        """
        trip = _Trip(
            flat=weights.flat,
            parameters=self.layout.unflatten(weights.flat),
            slopes=None if slopes is None else self.layout.unflatten(slopes),
            fixed=weights.fixed,
            # As what they are multiplied with lies, which is done twice
            masks={each.mask: weights.fixed[each.mask].transpose(1, 2).contiguous() for each in self.layers if each.mask},
        )
        output = self._go(trip, batch.inputs)
        told, at_output = self.loss.grade(output.transpose(1, 2), batch.target, batch.soft)
        told = told.clone()  # the way back writes over the output
        # A norm before the first layer has a gradient of its own
        asks_further = at_inputs is not None or (self.entrance is not None and self.entrance.affine)
        gradient = self._return(trip, at_output.transpose(1, 2), asks_further=asks_further)
        if asks_further:
            gradient = gradient if self.mask is None else gradient.mul_(trip.fixed[self.mask].transpose(1, 2))
            gradient = trip.undo(self.entrance, gradient)
        if at_inputs is not None:
            at_inputs.copy_(gradient.transpose(1, 2))
        return told

    def _go(self, trip: _Trip, inputs: Tensor) -> Tensor:
        """`[run, sample, in]` to the output, `[run, out, sample]`."""
        samples = inputs.shape[1]
        hidden = trip.normalize(self.entrance, inputs.transpose(1, 2))
        if self.mask is not None:
            hidden = (hidden.transpose(1, 2) * trip.fixed[self.mask]).transpose(1, 2)
        for layer in self.layers:
            z = _apply(layer, trip.parameters, hidden, self._reserve(layer.weight, trip.flat, samples, out=True))
            z = trip.normalize(layer.before, z)
            a = layer.activate(z)
            trip.passed.append((hidden, z, a))
            kept = trip.normalize(layer.after, a)
            if layer.mask is not None:
                kept = kept.mul_(trip.masks[layer.mask]) if layer.drops_in_place else kept * trip.masks[layer.mask]
            hidden = hidden + kept if layer.adds_input else kept
        return hidden

    def _return(self, trip: _Trip, gradient: Tensor, *, asks_further: bool) -> Tensor:
        """From the gradient at the output, `[run, out, sample]`, to that at the inputs, or, unless that is asked for, anywhere.

        Those of the parameters go into the trip's `slopes`, if it has any.
        """
        samples = gradient.shape[2]
        factor: Tensor | None = None  # `[run, unit, 1]` that the gradient has yet to be multiplied with
        for index in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[index]
            entered, z, a = trip.passed[index]
            weight = trip.parameters[layer.weight]
            kept = gradient if layer.mask is None or layer.drops_in_place else gradient * trip.masks[layer.mask]
            inner = layer.differentiate(trip.undo(layer.after, kept), z, a)  # [run, out, sample]
            if layer.mask is not None and layer.drops_in_place:
                inner.mul_(trip.masks[layer.mask])
            inner = trip.undo(layer.before, inner)
            if trip.slopes is not None:
                _note_slopes(layer, trip.slopes, inner, entered.transpose(1, 2), factor)
            if not (index or asks_further):
                break
            weight = weight if factor is None else weight * factor
            if self._waits[index]:
                gradient, factor = inner.expand(-1, weight.shape[2], -1), weight.transpose(1, 2)
                continue
            multiply = torch.mul if inner.shape[1] == 1 else torch.bmm
            below = multiply(weight.transpose(1, 2), inner, out=self._reserve(layer.weight, trip.flat, samples, out=False))
            gradient, factor = below.add_(gradient) if layer.adds_input else below, None
        return gradient

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

        def normalize(norm: Normalizer | None, values: Tensor) -> Tensor:
            return values if norm is None else norm.rest(values, parameters, weights.fixed)

        hidden = normalize(self.entrance, inputs.transpose(1, 2))
        for layer in self.layers:
            a = normalize(layer.after, layer.activate(normalize(layer.before, _apply(layer, parameters, hidden))))
            hidden = hidden + a if layer.adds_input else a
        return hidden.transpose(1, 2)


def _note_slopes(layer: _Layer, slopes: dict[str, Tensor], inner: Tensor, entered: Tensor, factor: Tensor | None) -> None:
    """The gradients of weight and bias from that at what enters the activation.

    Args:
        layer: whose they are.
        slopes: filled.
        inner: `[run, out, sample]`.
        entered: the layer's input, `[run, sample, in]`.
        factor: `[run, out, 1]` that `inner` has yet to be multiplied with; None for 1.
    """
    found = [torch.bmm(inner, entered, out=slopes[layer.weight])]
    if layer.bias is not None:
        found.append(torch.sum(inner, dim=2, keepdim=True, out=slopes[layer.bias][:, :, None]))
    if factor is not None:
        for each in found:
            each.mul_(factor)


def _apply(layer: _Layer, parameters: dict[str, Tensor], hidden: Tensor, room: Tensor | None = None) -> Tensor:
    """`[run, in, sample]` to `[run, out, sample]`, in `room` if that is given."""
    linear = torch.bmm(parameters[layer.weight], hidden) if room is None else torch.bmm(parameters[layer.weight], hidden, out=room)
    return linear if layer.bias is None else linear.add_(parameters[layer.bias][:, :, None])
