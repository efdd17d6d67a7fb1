"""Optimizers of the user's own: one object a run, each with parameters of its own in their true shapes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainlab import targets
from trainlab.config.optimizer import PythonOptimizer
from trainlab.device import make_generator
from trainlab.errors import UserError
from trainlab.optimizers._state import Columns, State, Step, make_column
from trainlab.step import Layout


@dataclass(slots=True, kw_only=True)
class Own:
    """What one run steps with. Changed at each step, as torch's optimizers are.

    Attributes:
        optimizer: of the user.
        parameters: those that it has.
        base: the rate that it was made with.
        rates: of its groups then.
        random: where torch's global stream is for it.
    """

    optimizer: Any
    parameters: list[nn.Parameter]
    base: float
    rates: list[float]
    random: Tensor


@dataclass(frozen=True, slots=True)
class OwnState(State):
    """The optimizers of a stack, one a row."""

    own: tuple[Own, ...] = ()

    def select(self, index: Tensor) -> OwnState:
        """Those at `index`; padding that repeats a row gets a copy."""
        seen: set[int] = set()
        chosen = []
        for position in index.tolist():
            chosen.append(copy.deepcopy(self.own[position]) if position in seen else self.own[position])
            seen.add(position)
        return OwnState({}, self.updates, tuple(chosen))


def start(specs: Sequence[PythonOptimizer], like: Tensor, layout: Layout, seeds: Sequence[int]) -> tuple[Step, State, Columns]:
    """See `trainlab.optimizers.start`; all runs take the step for stacks.

    Raises:
        UserError: the target is no optimizer, or refuses the parameters.
    """
    own = tuple(_make(spec, row, layout, seed) for spec, row, seed in zip(specs, like, seeds, strict=True))
    return _step, OwnState({}, 0, own), {"lr": make_column([spec.lr for spec in specs], like)}


def _step(before: Tensor, gradient: Tensor, state: State, columns: Columns) -> tuple[Tensor, State]:
    """One step of each run by its own optimizer, whose memory is changed."""
    parameters = before.clone()
    assert isinstance(state, OwnState)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        for row, own in enumerate(state.own):
            rate = float(columns["lr"][row])
            for group, first in zip(own.optimizer.param_groups, own.rates, strict=True):
                group["lr"] = first * (rate / own.base) if own.base else rate
            torch.default_generator.set_state(own.random)
            start = 0
            for parameter in own.parameters:
                end = start + parameter.numel()
                parameter.data = parameters[row, start:end].view(parameter.shape)
                parameter.grad = gradient[row, start:end].view(parameter.shape).clone()  # some optimizers change it
                start = end
            own.optimizer.step()
            start = 0
            for parameter in own.parameters:
                end = start + parameter.numel()
                parameters[row, start:end] = parameter.data.reshape(-1)  # nothing to do where it was changed in place
                start = end
            own.random = torch.default_generator.get_state()
    return parameters, OwnState({}, state.updates + 1, state.own)


def _make(spec: PythonOptimizer, row: Tensor, layout: Layout, seed: int) -> Own:
    parts = zip(row.detach().clone().split_with_sizes(list(layout.sizes)), layout.shapes, strict=True)
    parameters = [nn.Parameter(part.view(shape)) for part, shape in parts]
    decay = {"weight_decay": spec.weight_decay} if spec.weight_decay else {}
    made = targets.find(spec.target, "optimizer.target")
    if not callable(made):
        raise UserError(
            f"must be a class of torch.optim.Optimizer, or a function, not a {type(made).__name__}", key="optimizer.target"
        )
    optimizer = targets.call(made, {"lr": spec.lr, **decay, **spec.args}, "optimizer", spec.target, parameters)
    if not isinstance(optimizer, torch.optim.Optimizer):
        kind = type(optimizer).__name__
        raise UserError(f"must give a torch.optim.Optimizer, and gives a {kind}", key="optimizer.target", value=spec.target)
    return Own(
        optimizer=optimizer,
        parameters=parameters,
        base=spec.lr,
        rates=[float(group["lr"]) for group in optimizer.param_groups],
        random=make_generator(seed, "optimizer").get_state(),
    )


def try_out(spec: PythonOptimizer, like: Tensor, layout: Layout) -> None:
    """Take one step, on a copy of the parameters.

    Args:
        spec: the `optimizer` section.
        like: `[1, size]` parameters.
        layout: of them.

    Raises:
        UserError: the target is no optimizer, or its step fails.
    """
    _, state, columns = start([spec], like, layout, [0])
    try:
        _step(like, torch.full_like(like, 1e-3), state, columns)
    except Exception as error:
        if isinstance(error, TypeError) and "closure" in str(error):
            raise UserError(
                "its step() needs a closure, and trainlab gives it none", key="optimizer.target", value=spec.target
            ) from error
        raise targets.explain(error, "its first step fails", "optimizer.target", spec.target) from error


def find_stride(state: State, columns: Columns) -> Tensor:  # noqa: ARG001  # one signature for all optimizers
    """The rate: how far such an optimizer moves a weight is not known."""
    return columns["lr"]
