"""Recurrent layers that stack.

torch's own cannot be mapped over the rows of a stack, nor differentiated twice. These can; they compute the same, from
parameters of the same names, in plain operations or, where those are too slow, in steps written by hand.

A sigmoid here is always of some columns of a wider matrix. torch then computes row by row, and what is left over at the end of a
row is left over in every stack: a run's bits do not depend on how many there are (see `trainlab.engine._rows`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from trainlab.config.model import RNN, Gated
from trainlab.models._parts import apply, build_dropout, build_output, count_units, gather
from trainlab.models._sequences import build_embedding, choose_read, read_steps
from trainlab.models._sizes import Sizes
from trainlab.models._stacked import Stacked, apply_linear, look_up
from trainlab.models.dropout import Dropout
from trainlab.models.initializers import fill, fill_bias, fill_recurrent

Spec = RNN | Gated


class LayerWeights(NamedTuple):
    """The parameters of one layer: `[gate * width, feature]`, `[gate * width, width]`, and both biases or neither."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    @property
    def bias(self) -> Tensor | None:
        """The sum of both, for layers where they only ever act together."""
        return None if self.bias_ih is None or self.bias_hh is None else self.bias_ih + self.bias_hh


class RecurrentLayers(nn.Module, ABC):
    """Layers on top of each other, `[sample, step, feature]` to `[sample, step, width]`; parameters as in `torch.nn.LSTM`.

    Attributes:
        GATES: matrices that lie on top of each other in each weight.
        STACKS: whether `scan` takes many runs at once, with one more dimension in front of all.
    """

    GATES: ClassVar[int]
    STACKS: ClassVar[bool] = False

    def __init__(self, features: int, width: int, *, layers: int, bias: bool, dropout: float, residual: bool) -> None:
        super().__init__()
        self.width, self.layers, self.residual = width, layers, residual
        bound = 1 / math.sqrt(width)
        rows = self.GATES * width
        for layer in range(layers):
            shapes = [(rows, width if layer else features), (rows, width), *([(rows,), (rows,)] if bias else [])]
            for name, shape in zip(LayerWeights._fields, shapes, strict=False):
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))
        drops = gather(*(build_dropout(dropout) for _ in range(layers - 1)))
        self.drops = nn.ModuleList(drops) if drops else None

    def forward(self, inputs: Tensor) -> Tensor:
        """The hidden state of the last layer after every step."""
        return self._take(inputs, self._find)[0]

    def find_last(self, inputs: Tensor) -> Tensor:
        """That after the last step only, `[sample, width]`, whose gradient costs less."""
        return self._take(inputs, self._find)[1]

    def take_stacked(self, weights: Stacked, name: str, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Both, `[run, sample, step, width]` and `[run, sample, width]`, for all runs; without dropout."""
        return self._take(inputs, lambda each: weights.get(f"{name}.{each}"))

    def _find(self, name: str) -> Tensor | None:
        return getattr(self, name, None)

    def _take(self, inputs: Tensor, find: Callable[[str], Tensor | None]) -> tuple[Tensor, Tensor]:
        hidden, last = inputs, inputs[..., -1, :]
        for layer in range(self.layers):
            if layer and self.drops is not None:
                hidden = self.drops[layer - 1](hidden)
                last = hidden[..., -1, :]
            weights = LayerWeights(*(find(f"{name}_l{layer}") for name in LayerWeights._fields))  # type: ignore[arg-type]  # only biases may be missing
            states, end = self.scan(hidden.transpose(-3, -2), weights)
            adds = self.residual and hidden.shape[-1] == self.width
            last = last + end if adds else end
            hidden = hidden + states.transpose(-3, -2) if adds else states.transpose(-3, -2)
        return hidden, last

    @abstractmethod
    def scan(self, inputs: Tensor, weights: LayerWeights) -> tuple[Tensor, Tensor]:
        """The state after each step of one layer, and after the last, beginning with zeros.

        From `[step, sample, feature]` to `[step, sample, width]` and `[sample, width]`.
        """


class Recurrent(nn.Module):
    """Recurrent layers, and an output layer that reads their states."""

    def __init__(self, spec: Spec, kind: type[RecurrentLayers], sizes: Sizes, activation: str) -> None:
        super().__init__()
        features = spec.width if sizes.tokens else sizes.shape[-1]
        self.embed = build_embedding(sizes, spec.width) if sizes.tokens else None
        self.recurrent = kind(
            features, spec.width, layers=spec.layers, bias=spec.bias, dropout=spec.dropout, residual=spec.residual
        )
        _initialize(self.recurrent, spec, activation)
        self.read = choose_read(spec.read, sizes, "last")
        units = count_units(spec.outputs, sizes, spec.width)
        self.head, self.output = build_output(
            spec.width, units, bias=spec.bias, init=spec.init, output=spec.output, activation=activation
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, step, feature]`, or `[sample, step]` of tokens, to `[sample, output]` or `[sample, step, output]`."""
        entered = apply(self.embed, inputs)
        # Whoever looks at the layers sees every step: at rest, and where a hook is set.
        if self.training and self.read == "last" and not self.recurrent._forward_hooks:
            left = self.recurrent.find_last(entered)
        else:
            left = read_steps(self.recurrent(entered), self.read)
        return apply(self.output, self.head(left))

    @property
    def can_stack(self) -> bool:
        """Whether `forward_stacked` knows all of it."""
        return self.recurrent.STACKS and not any(isinstance(module, Dropout | nn.PReLU) for module in self.modules())

    def forward_stacked(self, weights: Stacked, inputs: Tensor) -> Tensor:
        """What `forward` gives for each run, `[run, sample, ...]` to the same, from the weights of all, `{name: [run, ...]}`."""
        runs, samples = inputs.shape[:2]
        states, last = self.recurrent.take_stacked(
            weights, "recurrent", inputs if self.embed is None else look_up(weights, "embed", inputs)
        )
        read = last if self.read == "last" else read_steps(states.flatten(0, 1), self.read)
        left = apply(self.output, apply_linear(weights, "head", read.reshape(runs, -1, read.shape[-1])))
        return left.view(runs, samples, *(states.shape[2:3] if self.read == "every" else ()), -1)


def _initialize(recurrent: RecurrentLayers, spec: Spec, activation: str) -> None:
    with torch.no_grad():
        for name, parameter in recurrent.named_parameters():
            if name.startswith("weight_ih"):
                fill(parameter, spec.init, activation, recurrent.GATES)
            elif name.startswith("weight_hh"):
                fill_recurrent(parameter, spec.recurrent_init, spec.init, activation, recurrent.GATES)
            elif name.startswith("bias"):
                fill_bias(parameter, spec.init)
