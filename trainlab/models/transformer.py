"""Transformers: encoders, and decoders with a causal mask."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainlab.config.model import Transformer, View
from trainlab.models._blocks import attend, feed_forward
from trainlab.models._parts import apply, build_dropout, build_norm, build_output, count_units
from trainlab.models._sequences import build_embedding, choose_read, read_steps
from trainlab.models._sizes import Sizes
from trainlab.models._stacked import Stacked, apply_linear, apply_norm, look_up
from trainlab.models.activations import build_activation
from trainlab.models.dropout import Dropout
from trainlab.models.initializers import initialize

VIEW: View = "sequence"


class Attention(nn.Module):
    """Scaled dot-product attention of several heads, in plain operations, so that it stacks and can be differentiated twice."""

    def __init__(self, spec: Transformer, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = spec.heads, causal
        self.qkv = nn.Linear(spec.width, 3 * spec.width, bias=spec.bias)
        initialize(self.qkv, spec.init, "identity", parts=3)
        self.softmax = nn.Softmax(dim=-1)
        self.out = nn.Linear(spec.width, spec.width, bias=spec.bias)
        initialize(self.out, spec.init, "identity")

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, step, width]` to the same."""
        samples, steps, width = inputs.shape
        parts = self.qkv(inputs).view(samples, steps, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()  # [sample, head, step, part of the width]
        scores = query @ key.transpose(2, 3) / math.sqrt(width // self.heads)
        if self.causal:
            scores = scores + torch.full((steps, steps), -math.inf, dtype=scores.dtype, device=scores.device).triu(1)
        mixed = self.softmax(scores) @ value
        return self.out(mixed.transpose(1, 2).reshape(samples, steps, width))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention, then a feed-forward network, each with its norm before it or behind the sum."""

    def __init__(self, spec: Transformer, *, causal: bool) -> None:
        super().__init__()
        hidden = spec.feedforward or 4 * spec.width
        self.norm_first, self.residual = spec.norm_first, spec.residual
        self.norm1 = build_norm(spec.norm, spec.width)
        self.attention = Attention(spec, causal=causal)
        self.drop1 = build_dropout(spec.dropout)
        self.norm2 = build_norm(spec.norm, spec.width)
        self.expand = nn.Linear(spec.width, hidden, bias=spec.bias)
        initialize(self.expand, spec.init, spec.activation)
        self.act = build_activation(spec.activation)
        self.contract = nn.Linear(hidden, spec.width, bias=spec.bias)
        initialize(self.contract, spec.init, "identity")
        self.drop2 = build_dropout(spec.dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, step, width]` to the same."""
        hidden = self._surround(self.attention, self.norm1, self.drop1, inputs)
        return self._surround(self._feed_forward, self.norm2, self.drop2, hidden)

    def _surround(self, part: Callable[[Tensor], Tensor], norm: nn.Module | None, drop: nn.Module | None, inputs: Tensor) -> Tensor:
        """A part of the block with its norm, its dropout and the sum around it."""
        left = apply(drop, part(apply(norm, inputs) if self.norm_first else inputs))
        summed = inputs + left if self.residual else left
        return summed if self.norm_first else apply(norm, summed)

    def forward_stacked(self, weights: Stacked, name: str, inputs: Tensor, steps: int) -> Tensor:
        """`[run, sample * step, width]` to the same, for all runs; without dropout."""

        def attend_all(hidden: Tensor) -> Tensor:
            heads, causal = self.attention.heads, self.attention.causal
            return attend(weights, f"{name}.attention", hidden, steps=steps, heads=heads, causal=causal)

        def feed_all(hidden: Tensor) -> Tensor:
            return feed_forward(weights, name, self.act, hidden)

        hidden = inputs
        for part, norm, norm_name in ((attend_all, self.norm1, f"{name}.norm1"), (feed_all, self.norm2, f"{name}.norm2")):
            left = part(apply_norm(norm, weights, norm_name, hidden) if self.norm_first else hidden)
            summed = left.add_(hidden) if self.residual else left
            hidden = summed if self.norm_first else apply_norm(norm, weights, norm_name, summed)
        return hidden

    def _feed_forward(self, hidden: Tensor) -> Tensor:
        return self.contract(self.act(self.expand(hidden)))  # type: ignore[no-any-return]


class Positions(nn.Module):
    """A learned vector for each step, N(0, 0.02^2) at first, added to what the step holds."""

    def __init__(self, steps: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(steps, width).normal_(0.0, 0.02))

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, step, width]` to the same."""
        return inputs + self.weight


class Attending(nn.Module):
    """Embedded steps with their positions, the blocks, and an output layer."""

    def __init__(self, spec: Transformer, sizes: Sizes) -> None:
        super().__init__()
        causal = sizes.every_step if spec.causal is None else spec.causal
        if sizes.tokens:
            self.embed: nn.Module = build_embedding(sizes, spec.width)
        else:
            self.embed = nn.Linear(sizes.shape[-1], spec.width, bias=spec.bias)
            initialize(self.embed, spec.init, "identity")
        self.positions = Positions(sizes.shape[0], spec.width)
        self.drop = build_dropout(spec.dropout)
        self.blocks = nn.Sequential(*(Block(spec, causal=causal) for _ in range(spec.layers)))
        self.norm = build_norm(spec.norm, spec.width) if spec.norm_first else None
        self.read = choose_read(spec.read, sizes, "last" if causal else "mean")
        units = count_units(spec.outputs, sizes, spec.width)
        self.head, self.output = build_output(
            spec.width, units, bias=spec.bias, init=spec.init, output=spec.output, activation=spec.activation
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """`[sample, step, feature]`, or `[sample, step]` of tokens, to `[sample, output]` or `[sample, step, output]`."""
        hidden = self.blocks(apply(self.drop, self.positions(self.embed(inputs))))
        return apply(self.output, self.head(read_steps(apply(self.norm, hidden), self.read)))

    @property
    def can_stack(self) -> bool:
        """Whether `forward_stacked` knows all of it."""
        return not any(isinstance(module, Dropout | nn.PReLU) for module in self.modules())

    def forward_stacked(self, weights: Stacked, inputs: Tensor) -> Tensor:
        """What `forward` gives for each run, `[run, sample, ...]` to the same, from the weights of all, `{name: [run, ...]}`."""
        runs, samples, steps = inputs.shape[:3]
        if isinstance(self.embed, nn.Embedding):
            embedded = look_up(weights, "embed", inputs)
        else:
            embedded = apply_linear(weights, "embed", inputs.flatten(1, 2)).view(runs, samples, steps, -1)
        hidden = (embedded + weights["positions.weight"][:, None]).flatten(1, 2)
        for index, block in enumerate(self.blocks):
            hidden = block.forward_stacked(weights, f"blocks.{index}", hidden, steps)  # type: ignore[operator]  # all are Blocks
        hidden = apply_norm(self.norm, weights, "norm", hidden)
        read = read_steps(hidden.view(runs * samples, steps, -1), self.read)
        left = apply(self.output, apply_linear(weights, "head", read.reshape(runs, -1, read.shape[-1])))
        return left.view(runs, samples, *read.shape[1:-1], -1)


def build(spec: Transformer, sizes: Sizes) -> nn.Module:
    """The network of `spec`, initialised from torch's global stream."""
    return Attending(spec, sizes)
