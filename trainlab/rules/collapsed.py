"""L008: a giant step has killed the gradient, and the loss stays where a constant would be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._collapse import find_collapse
from trainlab.rules._fit import read_end
from trainlab.rules._series import read_metric, read_weights, say

NEAR = 0.05  # of the constant's loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapsed:
    """A giant step has killed the gradient, and the loss stays where a constant would be.

    What it finds:
        Runs in which one update changed a weight by about its own size or more, after which the gradient of the first weight
        was gone for good, and whose loss stays at that of a constant prediction or above it. A network that has converged has
        no gradient either, but a lower loss; one that never had a gradient was not killed by a step.

    Why it matters:
        The curve looks calm: flat, nothing swings, nothing is NaN. But the network puts out the same for every input and cannot
        recover: ReLU units that are thrown below 0 for all data, or saturated ones, pass back no gradient. Every later epoch is
        wasted.

    Evidence:
        `update`: the first measured one without gradient. `step`: the largest norm(change)/norm(weight) up to then. `before`,
        `after`: gradient norm of the first weight, in the first and the last measured update. `end`: the training loss;
        `constant_loss`: of the best constant. `rate`: the learning rate that was set.

    See it:
            trainlab lr-sweep --lr 0.165

        One step too long: every gradient is `0` from then on, and the loss stays at `13.3`, where a constant reaches `0.756`.

    What to try:
        A third or a tenth of the learning rate; warm-up; clipping by norm; scaled inputs and targets. Leaky ReLU recovers where
        ReLU does not.

    Sources:
        Maas, Hannun & Ng 2013; Lu, Shin, Su & Karniadakis 2020 (Dying ReLU and Initialization).

    Attributes:
        step: fires from this relative change on.
    """

    code: ClassVar[str] = "L008"
    name: ClassVar[str] = "collapsed"
    needs: ClassVar[tuple[str, ...]] = ("loss", "gradient-norm", "update-ratio", "accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("D006", "M001", "F003", "G007", "G002", "D001", "D005", "G009", "L001")
    step: float = 0.5

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        if len(read_weights(trace, "gradient-norm")) < 2 or not len(read_weights(trace, "update-ratio")):
            yield Skipped(code=self.code, reason="fewer than two updates were measured, and a collapse comes after one")
            return
        if trace.nonfinite:
            yield Skipped(code=self.code, reason="the run left the finite numbers")
            return
        collapse = find_collapse(trace)
        if collapse is None or collapse.step < self.step:
            return
        end, constant = read_end(trace), read_metric(trace, "constant_loss")
        if not (math.isfinite(end) and math.isfinite(constant)):
            yield Skipped(code=self.code, reason="the gradient died, but no constant is there to compare the loss with")
            return
        if end < constant - NEAR * abs(constant):
            return
        rate = trace.config.optimizer.lr
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error",
            where=next(parameter.name for parameter in trace.parameters if parameter.is_weight),
            message=f"the gradient is dead from update {collapse.at} on, after a step that changed a weight by "
            f"{say(collapse.step)} of itself (limit {say(self.step)}); the loss stays at {say(end)}, a constant reaches "
            f"{say(constant)}; learning rate {say(rate)}: try {say(rate / 3)} or {say(rate / 10)}",
            evidence={
                "update": collapse.at,
                "step": collapse.step,
                "before": collapse.before,
                "after": collapse.after,
                "end": end,
                "constant_loss": constant,
                "rate": rate,
            },
        )
