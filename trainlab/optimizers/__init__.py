"""Optimizers on stacked rows, one family a file: state in, state out, every hyperparameter a column with one value a run.

Each equals its namesake in torch.optim step for step. They are written here because importing torch.optim's classes and taking
their first step loads torch's compiler, which costs half a second, and because torch's take one hyperparameter for all runs.

A module here has four functions: `start` and `find_stride`, with the arguments and the results of those below, but for the family,
and `plan_alone` and `step_alone`, with which `step_apart` moves runs that train one by one. Where torch has all of a step in one
pass over the memory there is `step_by_row` too, which moves a stack run by run.
A step computes with sums, products, quotients, roots and `lerp` only, which round alike wherever in a tensor a number stands: a
run has the same bits in every stack.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType

from torch import Tensor

from trainlab import plugins
from trainlab.config.optimizer import Optimizer, PythonOptimizer
from trainlab.optimizers._blocks import step_in_blocks
from trainlab.optimizers._groups import find_scales, list_unmatched
from trainlab.optimizers._state import Columns, Pieces, Settings, State, Step, read_settings
from trainlab.step import Layout

__all__ = [
    "Columns",
    "Pieces",
    "Settings",
    "State",
    "Step",
    "find_scales",
    "find_stride",
    "list_unmatched",
    "name_family",
    "read_settings",
    "start",
    "step_apart",
]

BY_ROW = 2**13
"""Numbers a run from which on one pass over its memory is worth a call for each run of a stack, on a CPU."""


def name_family(spec: Optimizer) -> str:
    """Runs of one family can be rows of one stack: `adam` and `adamw` are one, for instance."""
    return type(spec).__name__.lower().removesuffix("optimizer")


@functools.cache  # finding a plug-in reads its directory, and every update asks for one
def _load(family: str) -> ModuleType:
    return plugins.load(__name__, family)


def start(
    specs: Sequence[Optimizer], like: Tensor, layout: Layout | None = None, seeds: Sequence[int] = ()
) -> tuple[Step, State, Columns]:
    """The step function, the first state and the hyperparameter columns for runs of one optimizer family.

    Args:
        specs: one `optimizer` section a run, all of one family.
        like: `[run, size]` parameters.
        layout: of the parameters, for an optimizer of the user's own, which sees them in their shapes.
        seeds: of the runs, likewise.

    Returns:
        step: `(parameters, gradient, state, columns) -> (parameters, state)`; `columns["lr"]` `[run, 1]` is the rate of this
            update.
        state: what the optimizer remembers before its first update.
        columns: `[run, 1]`, by hyperparameter; `lr` is the rate before any schedule.
    """
    family: ModuleType = _load(name_family(specs[0]))
    if isinstance(specs[0], PythonOptimizer):
        own: tuple[Step, State, Columns] = family.start(specs, like, layout, seeds)
        return own
    step, state, columns = family.start(specs, like)
    if hasattr(family, "step_by_row") and like.is_cpu and like.shape[1] >= BY_ROW and not any(spec.groups for spec in specs):
        return family.step_by_row, state, columns
    return functools.partial(step_in_blocks, step), state, columns


def step_apart(
    family: str, parameters: Pieces, gradients: Pieces, state: State, columns: Columns, settings: Sequence[Settings]
) -> tuple[list[list[Tensor]], list[float], State]:
    """The step of runs that train one by one on a CPU, on each tensor as it lies: laid side by side they would be copied first.

    Memory traffic is what a step on many weights costs. So the new parameters are written over the gradients, where the old ones
    are of use still, and state is overwritten; each tensor is added up while it is in the cache. A run takes its own numbers, so
    that it has the same bits beside any others. They are not those of the step for stacks.

    Args:
        family: see `name_family`.
        parameters: contiguous; left as they are.
        gradients: contiguous, none of them part of another; of no use afterwards.
        state: rows `[run, size]`, the parameters of a run one behind the other; only the state returned is of use afterwards.
        columns: `[run, 1]`.
        settings: what `read_settings` reads there, which takes longer than a small step: the same while the columns are.

    Returns:
        after: the new parameters.
        totals: their sums, one a run: a finite one means that all of them are.
        state: after the step.
    """
    kind: ModuleType = _load(family)
    plans, moved = kind.plan_alone(state, columns, settings)
    rows = {name: each for name, each in state.rows.items() if name not in moved}
    after: list[list[Tensor]] = []
    totals: list[float] = []
    for row, (parts, slopes) in enumerate(zip(parameters, gradients, strict=True)):
        sizes = [part.numel() for part in parts]
        held = [
            dict(zip(rows, each, strict=True))
            for each in zip(*(rows[name][row].split_with_sizes(sizes) for name in rows), strict=True)
        ]
        moves: list[Tensor] = []
        total = 0.0
        for part, slope, memory in zip(parts, slopes, held or [{}] * len(parts), strict=True):
            new: Tensor = kind.step_alone(part, slope, memory, plans[row])
            total += new.sum().item()
            moves.append(new)
        after.append(moves)
        totals.append(total)
    return after, totals, State({**state.rows, **moved}, state.updates + 1)


def find_stride(family: str, state: State, columns: Columns) -> Tensor:
    """How far the optimizer moves each weight for a steady gradient of 1: the step size that a proximal step beside it must have.

    lr for SGD, lr/(1 - momentum) with momentum, lr/(sqrt(mean square) + eps) for the Adam family.

    Args:
        family: see `name_family`.
        state: after the step.
        columns: of the step, with the rate that it had.

    Returns:
        `[run, size]` or `[run, 1]`.
    """
    stride: Tensor = _load(family).find_stride(state, columns)
    return stride
