"""F003: a penalty has shrunk the weights until nothing can be learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._fit import SIGNAL, judge_fit, read_end
from trainlab.rules._lack import find_share
from trainlab.rules._series import read_metric, read_weights, say


@dataclass(frozen=True, slots=True, kw_only=True)
class OverRegularised:
    """A penalty on the weights has shrunk them until nothing can be learned.

    What it finds:
        Runs with weight decay or an L1 penalty that have learned less than simple predictors do, and whose typical weight matrix
        has shrunk to a small share of what it was at the start; and, as a warning, those whose weights have shrunk to less than
        half and that gain less than four fifths of what a linear model does: sound training makes weights grow. A penalty that
        costs the training loss something and leaves the weights their size is as it should be.

    Why it matters:
        The penalty and the loss pull at each weight. Where the penalty wins everywhere the network puts out a constant, however
        long it is trained. Under Adam a coupled `weight_decay` acts far more strongly than the same number under AdamW.

    Evidence:
        `shrunk`: norm of the typical weight at the end over that at the start. `train_loss`, `constant_loss`: of the network,
        and of the best constant. `weight_decay`, `l1`: the penalties that were set.

    See it:
            trainlab check overfit --weight-decay 3 --diagnose --fail-on never

        The training loss stays at `0.693`, that of a guess.

    What to try:
        A tenth or a hundredth of the penalty; AdamW instead of Adam with `weight_decay`.

    Sources:
        Krogh and Hertz 1991 (weight decay); Loshchilov and Hutter 2019 (coupled and decoupled).

    Attributes:
        shrunk: fires below this share; at exactly this, not.
        halved: the same of a run that has learned something,
        gain: if it gains less than this share of what a linear model does over the constant.
    """

    code: ClassVar[str] = "F003"
    name: ClassVar[str] = "over-regularised"
    needs: ClassVar[tuple[str, ...]] = ("weight-norm", "accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("D006",)
    shrunk: float = 0.2
    halved: float = 0.5
    gain: float = 0.8

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing without a penalty on the weights."""
        decay, l1 = trace.config.optimizer.weight_decay, trace.config.regularize.l1
        if trace.task == "none" or not (decay > 0 or l1 > 0):
            return
        norms = read_weights(trace, "weight-norm")
        fit = judge_fit(trace)
        if len(norms) < 2 or not np.isfinite(norms[[0, -1]]).all() or not (norms[0] > 0).any():
            yield Skipped(code=self.code, reason="how the weights shrink was not measured")
            return
        learned = fit == "learned"
        if learned and not find_share(trace, SIGNAL) < self.gain:
            return
        if fit == "unknown":
            yield Skipped(code=self.code, reason="nothing shows whether training suffers from the penalty")
            return
        began = norms[0] > 0
        share = float(np.median(norms[-1, began] / norms[0, began]))
        limit = self.halved if learned else self.shrunk
        if share >= limit:
            return
        end, constant, linear = read_end(trace), read_metric(trace, "constant_loss"), read_metric(trace, "linear_loss")
        beside = f", a linear model {say(linear)}" if learned else ""
        penalties = [f"weight_decay={say(decay)}"] * (decay > 0) + [f"l1={say(l1)}"] * (l1 > 0)
        yield Finding(
            code=self.code,
            name=self.name,
            severity="warning" if learned else "error",
            message=f"{' and '.join(penalties)} left a weight {say(share)} of its size (limit {say(limit)}); the training "
            f"loss stays at {say(end)}, a constant reaches {say(constant)}{beside}; try a tenth or a hundredth of the penalty",
            evidence={"shrunk": share, "train_loss": end, "constant_loss": constant, "weight_decay": decay, "l1": l1},
        )
