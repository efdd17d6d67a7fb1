"""A step on some of the parameters at a time, so that what it computes with stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from trainlab.optimizers._state import Columns, State, Step

BLOCK = 2**16
"""Numbers, of all runs together, that a step takes at a time: a dozen arrays of them fill a cache of 2 MB."""


def step_in_blocks(step: Step, parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """The same bits as `step` by itself, which rounds alike wherever a number stands."""
    size = parameters.shape[1]
    width = max(BLOCK // len(parameters), 1)
    if width >= size:
        return step(parameters, gradient, state, columns)
    wide = {name: torch.empty_like(each) for name, each in state.rows.items() if each.shape == parameters.shape}
    after = torch.empty_like(parameters)
    for start in range(0, size, width):
        block = slice(start, start + width)
        held = {name: each[:, block] if name in wide else each for name, each in state.rows.items()}
        cut = {name: each[:, block] if each.shape == parameters.shape else each for name, each in columns.items()}
        after[:, block], moved = step(parameters[:, block], gradient[:, block], State(held, state.updates), cut)
        for name, each in wide.items():
            each[:, block] = moved.rows[name]
    return after, State({**moved.rows, **wide}, moved.updates)


def cut(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Tensors of one size in pieces of the same place, as flat views."""
    yield from zip(*(torch.split(each.view(-1), BLOCK) for each in tensors), strict=True)
