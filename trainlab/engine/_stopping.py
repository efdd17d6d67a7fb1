"""Early stopping: the best epoch of every run so far, and who has waited too long for a better one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trainlab.config.training import EarlyStopping
from trainlab.engine._weights import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Settings and memory of the runs of a stack, `[row]` each on the CPU; runs that do not stop early have endless patience.

    Attributes:
        patience: epochs without progress that are one too many.
        min_delta: how far below the best a loss must be.
        best: lowest loss so far, float64.
        epoch: when that was, counted from 1; 0 before there was any that is a number.
        waited: epochs since.
        weights: what the runs were at their best epoch.
        before: `[row, total]` the parameters that the last gradient of that epoch was taken at.
    """

    patience: Tensor
    min_delta: Tensor
    best: Tensor
    epoch: Tensor
    waited: Tensor
    weights: Weights
    before: Tensor

    @property
    def due(self) -> list[int]:
        """The rows that have waited long enough."""
        return [int(position) for position in (self.waited >= self.patience).nonzero()[:, 0]]

    def keeps_best(self, position: int) -> bool:
        """Whether the run in that row stops early, and has had an epoch to go back to."""
        return math.isfinite(self.patience[position]) and bool(self.epoch[position])

    def observe(self, loss: Tensor, epoch: int, weights: Weights, before: Tensor) -> Stopping:
        """After an epoch: `loss` `[row]` on the validation part, and the state of the stack."""
        loss = loss.cpu().double()
        progress = loss < self.best - self.min_delta  # never true of NaN
        return replace(
            self,
            best=torch.where(progress, loss, self.best),
            epoch=torch.where(progress, epoch, self.epoch),
            waited=torch.where(progress, 0, self.waited + 1),
            weights=Weights(
                flat=_choose(progress, weights.flat, self.weights.flat),
                fixed={name: _choose(progress, each, self.weights.fixed[name]) for name, each in weights.fixed.items()},
                random=weights.random,
            ),
            before=_choose(progress, before, self.before),
        )

    def select(self, positions: list[int]) -> Stopping:
        """A copy of some rows."""
        index = torch.tensor(positions)
        return Stopping(
            patience=self.patience[index],
            min_delta=self.min_delta[index],
            best=self.best[index],
            epoch=self.epoch[index],
            waited=self.waited[index],
            weights=self.weights.select(positions),
            before=self.before[index.to(self.before.device)],
        )


def start_stopping(settings: Sequence[EarlyStopping], weights: Weights) -> Stopping | None:
    """Before the first update, one of `settings` a row; None if no run stops early."""
    if all(each.patience is None for each in settings):
        return None
    patience = [math.inf if each.patience is None else each.patience for each in settings]
    return Stopping(
        patience=torch.tensor(patience, dtype=torch.float64),
        min_delta=torch.tensor([each.min_delta for each in settings], dtype=torch.float64),
        best=torch.full((len(settings),), math.inf, dtype=torch.float64),
        epoch=torch.zeros(len(settings), dtype=torch.int64),
        waited=torch.zeros(len(settings), dtype=torch.int64),
        weights=weights,
        before=weights.flat,
    )


def _choose(rows: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`[row, ...]` the new ones of some rows. Always a copy: running statistics are moved in place."""
    return torch.where(rows.to(new.device).view(-1, *[1] * (new.dim() - 1)), new, old)
