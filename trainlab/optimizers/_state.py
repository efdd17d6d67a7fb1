"""What every optimizer is made of: a state, hyperparameter columns, a step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Columns = dict[str, Tensor]

Pieces = Sequence[Sequence[Tensor]]
"""For each run its parameters, or something of their shapes, each by itself."""

Settings = dict[str, float]
"""What one run has in the columns."""


@dataclass(frozen=True, slots=True)
class State:
    """What an optimizer remembers: rows like the parameters or `[run, 1]`, by name, and the number of updates done.

    That is a column `[run, 1]` where a run may skip an update that others make.
    """

    rows: dict[str, Tensor]
    updates: int | Tensor = 0

    def select(self, index: Tensor) -> State:
        """A copy of the rows at `index`."""
        updates = self.updates[index.to(self.updates.device)] if isinstance(self.updates, Tensor) else self.updates
        return State({name: each[index.to(each.device)] for name, each in self.rows.items()}, updates)

    def hold(self, skipped: Tensor, before: State) -> State:
        """The rows of `before` where `skipped`, bool `[run, 1]`; both count their updates in columns."""
        rows = {name: torch.where(skipped.to(each.device), before.rows[name], each) for name, each in self.rows.items()}
        return State(rows, torch.where(skipped, before.updates, self.updates))


Step = Callable[[Tensor, Tensor, State, Columns], tuple[Tensor, State]]
"""`(parameters [run, size], gradient [run, size], state, columns) -> (parameters, state)`.

Parameters, gradient and columns stay as they are, and so does the state where a run may skip an update; otherwise only the state
returned is of use afterwards.
"""


def make_column(values: Iterable[float], like: Tensor) -> Tensor:
    """`[run, 1]` in the number format and on the device of `like`."""
    return torch.tensor(list(values), dtype=torch.float64).to(like)[:, None]


def make_double_column(values: Iterable[float], like: Tensor) -> Tensor:
    """`[run, 1]` in float64, on the device of `like` where it has that, else on the CPU."""
    device = torch.device("cpu") if like.device.type == "mps" else like.device
    return torch.tensor(list(values), dtype=torch.float64, device=device)[:, None]


def add_decay(parameters: Tensor, gradient: Tensor, columns: Columns) -> Tensor:
    """The gradient with that of (weight_decay/2) * norm(w)^2 added."""
    return gradient + columns["weight_decay"] * parameters if "weight_decay" in columns else gradient


def make_decay(weight_decays: Iterable[float], like: Tensor, name: str = "weight_decay") -> Columns:
    """The column of weight decays; none if no run has any, which saves a step of every run two operations."""
    values = list(weight_decays)
    return {name: make_column(values, like)} if any(values) else {}


def read_settings(columns: Columns) -> list[Settings]:
    """The columns run by run."""
    names, values = list(columns), [each[:, 0].tolist() for each in columns.values()]
    return [dict(zip(names, own, strict=True)) for own in zip(*values, strict=True)]


def add_decay_alone(parameters: Tensor, gradient: Tensor, settings: Settings) -> Tensor:
    """The same for one run, over its gradient, whose bits a weight decay of 0 in the column must not touch."""
    weight_decay = settings.get("weight_decay")
    return gradient.add_(parameters, alpha=weight_decay) if weight_decay else gradient
