"""A step on some of the parameters at a time, so that what it computes with stays in the processor's cache."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.optimizers._state import Columns, State, Step

BLOCK = 2**16
"""Numbers, of all runs together, that a step takes at a time: a dozen arrays of them fill a cache of 2 MB."""


def step_in_blocks(step: Step, parameters: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """The same bits as `step` by itself, which rounds alike wherever a number stands.

    The rows of `state` may be written over; parameters and gradient are left as they are.
    """
    size = parameters.shape[1]
    width = max(BLOCK // len(parameters), 1)
    if width >= size:
        return step(parameters, gradient, state, columns)
    after, rows, updates = torch.empty_like(parameters), dict(state.rows), state.updates
    for start in range(0, size, width):
        block = slice(start, start + width)
        held = {name: each[:, block] if each.shape == parameters.shape else each for name, each in state.rows.items()}
        after[:, block], moved = step(parameters[:, block], gradient[:, block], State(held, state.updates), columns)
        for name, each in moved.rows.items():
            if name in held and state.rows[name].shape == parameters.shape:
                rows[name][:, block] = each
            else:
                rows[name] = each
        updates = moved.updates
    return after, State(rows, updates)
