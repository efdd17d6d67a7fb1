"""P005: ranks that train one model and do not hold the same weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._ranks import ALONE, align, judge_models
from trainlab.rules._series import say


@dataclass(frozen=True, slots=True, kw_only=True)
class RanksDrift:
    """The ranks of one job do not hold the same weights.

    What it finds:
        Models of the same parameters on several ranks, whose weights have other norms on one rank than on another, at updates
        that all of them have looked at. Shards of a model, which are meant to differ, are not compared. Gradients that differ
        where the weights stay the same are none of it: they are averaged later.

    Why it matters:
        Each rank then trains a network of its own on its share of the data. What is saved is that of one rank, which has seen
        a fraction of the samples, and nothing says so.

    Evidence:
        `update`: the first at which they differ. `difference`: of the norms of the weight that differs most, as a share of the
        larger. `ranks`: the two that are farthest apart. `gradients`: whether the gradients differed before that.

    See it:
            torchrun --nproc-per-node 2 -m trainlab watch train.py

    What to try:
        Wrap the model in `DistributedDataParallel` and call the wrapper, not the model inside of it: it sends the weights of rank
        0 to all at the start, and averages the gradients in every backward pass. Change no weights on one rank alone.

    Sources:
        Li et al. 2020 (PyTorch Distributed).

    Attributes:
        difference: fires above this.
    """

    code: ClassVar[str] = "P005"
    name: ClassVar[str] = "ranks-drift"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["script"]] = "script"
    difference: float = 1e-4

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:  # noqa: ARG002  # one signature for all rules
        """One process is no job of several."""
        yield Skipped(code=self.code, reason=ALONE)

    def judge_study(self, traces: Sequence[Trace]) -> Iterator[Finding | Skipped]:
        """One finding for each model."""
        return judge_models(self.code, traces, self._judge_model)

    def _judge_model(self, model: dict[int, Trace]) -> Iterator[Finding | Skipped]:
        at, weights = align(model, "weight-norm")
        if not len(at):
            yield Skipped(code=self.code, reason="no update was looked at on every rank")
            return
        apart = _spread(weights)
        hit = np.flatnonzero((apart > self.difference).any(axis=1))
        if not len(hit):
            return
        first = int(hit[0])
        worst = int(apart[first].argmax())
        ranks, held = list(model), weights[:, first, worst]
        low, high = ranks[int(held.argmin())], ranks[int(held.argmax())]
        gradients = bool((_spread(align(model, "gradient-norm")[1])[: first + 1] > self.difference).any())
        if at[first] == 1:
            why = "they began with different ones"
        else:
            why = "the gradients are not averaged" if gradients else "they were changed on one rank alone"
        where = next(iter(model.values())).parameters[worst].name
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error",
            run=next(iter(model.values())).name,
            where=where,
            message=f"the weights of rank {low} and rank {high} differ from update {at[first]} on, "
            f"by {say(apart[first, worst])} of the norm of {where} (limit {say(self.difference)}): {why}; "
            "wrap the model in DistributedDataParallel, and call the wrapper",
            evidence={
                "update": int(at[first]),
                "difference": float(apart[first, worst]),
                "ranks": [low, high],
                "gradients": gradients,
            },
        )


def _spread(values: np.ndarray) -> np.ndarray:
    """`[rank, T, parameter]` to `[T, parameter]`: the difference of largest and smallest as a share of the largest; 0 for NaN."""
    largest = values.max(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num((largest - values.min(axis=0)) / largest, nan=0.0, posinf=0.0))
