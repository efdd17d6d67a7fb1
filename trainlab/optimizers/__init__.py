"""Optimizers on stacked rows, one family a file: state in, state out, every hyperparameter a column with one value a run.

Each equals its namesake in torch.optim step for step. They are written here because importing torch.optim's classes and taking
their first step loads torch's compiler, which costs half a second, and because torch's take one hyperparameter for all runs.

A module here has three functions: `start` and `find_stride`, with the arguments and the results of those below, but for the family,
and `step_in_place`, a StepInPlace.
A step computes with sums, products, quotients, roots and `lerp` only, which round alike wherever in a tensor a number stands: a
run has the same bits in every stack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

from torch import Tensor

from trainlab import plugins
from trainlab.config.training import Optimizer, PythonOptimizer
from trainlab.optimizers._blocks import step_in_blocks
from trainlab.optimizers._groups import find_scales, list_unmatched
from trainlab.optimizers._state import Columns, State, Step
from trainlab.step import Layout

__all__ = [
    "Columns",
    "State",
    "Step",
    "StepInPlace",
    "find_scales",
    "find_step_in_place",
    "find_stride",
    "list_unmatched",
    "name_family",
    "start",
    "step_in_blocks",
]

StepInPlace = Callable[[Tensor, Tensor, State, Columns], State]
"""As a Step, but parameters and state are overwritten; only the state returned is of use afterwards."""


def name_family(spec: Optimizer) -> str:
    """Runs of one family can be rows of one stack: `adam` and `adamw` are one, for instance."""
    return type(spec).__name__.lower().removesuffix("optimizer")


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
    family: ModuleType = plugins.load(__name__, name_family(specs[0]))
    if isinstance(specs[0], PythonOptimizer):
        own: tuple[Step, State, Columns] = family.start(specs, like, layout, seeds)
        return own
    started: tuple[Step, State, Columns] = family.start(specs, like)
    return started


def find_step_in_place(family: str) -> StepInPlace:
    """The step of runs that train one by one on a CPU: half the passes over the memory, which is what a step on many weights costs.

    It takes row by row, each with its own numbers, so that a run has the same bits beside any others. They are not those of the
    step for stacks.
    """
    step: StepInPlace = plugins.load(__name__, family).step_in_place
    return step


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
    stride: Tensor = plugins.load(__name__, family).find_stride(state, columns)
    return stride
