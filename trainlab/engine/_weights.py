"""The state of the networks of a stack, side by side in one row each, or every tensor by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainlab.engine._random import RandomState, start_random
from trainlab.optimizers import Pieces
from trainlab.step import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The state of a stack of networks.

    Attributes:
        flat: `[run, total]` trainable parameters.
        fixed: `{name: [run, ...]}` buffers and frozen parameters; batch norm's running statistics are updated in place.
        random: where torch's global streams are for each run, for networks that draw from them.
    """

    flat: Tensor
    fixed: dict[str, Tensor]
    random: tuple[RandomState, ...]

    def move(self, noise: Tensor | None, masks: dict[str, Tensor], random: tuple[RandomState, ...]) -> Weights:
        """With noise `[run, total]` on the parameters, with masks beside what is fixed, and with streams that have gone on."""
        flat = self.flat if noise is None else self.flat + noise
        return Weights(flat=flat, fixed=self.fixed | masks if masks else self.fixed, random=random)

    def join(self) -> Weights:
        """See Apart."""
        return self

    def select(self, rows: list[int]) -> Weights:
        """A copy of some rows."""
        index = torch.tensor(rows, device=self.flat.device)
        fixed = {name: each[index] for name, each in self.fixed.items()}
        return Weights(flat=self.flat[index], fixed=fixed, random=tuple(self.random[row] for row in rows))

    def part(self, rows: slice) -> Weights:
        """Some rows, as views."""
        return Weights(
            flat=self.flat[rows], fixed={name: each[rows] for name, each in self.fixed.items()}, random=self.random[rows]
        )


def stack_networks(networks: list[nn.Module], seeds: list[int]) -> Weights:
    """The weights of networks of one architecture as rows."""
    named = [dict(each.named_parameters()) for each in networks]
    flat = lay_out([[p.detach() for p in each.values() if p.requires_grad] for each in named])
    frozen = [{name: p.detach() for name, p in each.items() if not p.requires_grad} for each in named]
    fixed = [{**held, **dict(each.named_buffers())} for held, each in zip(frozen, networks, strict=True)]
    names = fixed[0]
    streams = tuple(start_random(seed, flat.device) for seed in seeds)
    return Weights(flat=flat, fixed={name: torch.stack([each[name] for each in fixed]) for name in names}, random=streams)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """The same, for runs that train one by one: no tensor of `parameters` is ever written over.

    Attributes:
        parameters: for each run, in the order of the layout.
        fixed: see Weights.
        random: see Weights.
    """

    parameters: Pieces
    fixed: dict[str, Tensor]
    random: tuple[RandomState, ...]

    @property
    def flat(self) -> Tensor:
        """`[run, total]`, a copy."""
        return lay_out(self.parameters)

    def move(self, noise: Tensor | None, masks: dict[str, Tensor], random: tuple[RandomState, ...]) -> Apart:
        """See Weights."""
        parameters = self.parameters
        if noise is not None:
            sizes = [part.numel() for part in parameters[0]]
            parameters = [
                [part + moved.view(part.shape) for part, moved in zip(own, row.split_with_sizes(sizes), strict=True)]
                for own, row in zip(parameters, noise, strict=True)
            ]
        return Apart(parameters=parameters, fixed=self.fixed | masks if masks else self.fixed, random=random)

    def copy_fixed(self) -> Apart:
        """With a copy of what is moved in place."""
        fixed = {name: each.clone() for name, each in self.fixed.items()}
        return Apart(parameters=self.parameters, fixed=fixed, random=self.random)

    def join(self) -> Weights:
        """Side by side, which copies them."""
        return Weights(flat=lay_out(self.parameters), fixed=self.fixed, random=self.random)

    def select(self, rows: Sequence[int]) -> Apart:
        """Some rows; what is moved in place is copied."""
        index = torch.tensor(rows)
        fixed = {name: each[index.to(each.device)] for name, each in self.fixed.items()}
        return Apart(parameters=[self.parameters[row] for row in rows], fixed=fixed, random=tuple(self.random[row] for row in rows))


def take_apart(weights: Weights, layout: Layout) -> Apart:
    """Every parameter by itself, as views."""
    return Apart(parameters=split_rows(weights.flat, layout), fixed=weights.fixed, random=weights.random)


def split_rows(flat: Tensor, layout: Layout) -> list[list[Tensor]]:
    """`[run, total]` to the parameters of each run, as views."""
    return [
        [part.view(shape) for part, shape in zip(row.split_with_sizes(list(layout.sizes)), layout.shapes, strict=True)]
        for row in flat
    ]


def lay_out(pieces: Pieces) -> Tensor:
    """`[run, total]`, a copy."""
    rows = [torch.cat([each.reshape(-1) for each in own]) for own in pieces]
    return rows[0][None] if len(rows) == 1 else torch.stack(rows)  # large runs, alone, are copied once less


def sum_weighted(parts: Sequence[Tensor], samples: Sequence[int]) -> Tensor:
    """The mean over all samples of what is a mean over each batch."""
    if len(parts) == 1:
        return parts[0]
    total = parts[0] * (samples[0] / sum(samples))
    for part, size in zip(parts[1:], samples[1:], strict=True):
        total = total + part * (size / sum(samples))
    return total
