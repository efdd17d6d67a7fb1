"""F002: the network fits its training data no better than a constant or a straight line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import read_metric, say, say_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Underfitting:
    """The network fits its own training data worse than the simplest predictors do.

    What it finds:
        Runs whose final training loss, in evaluation mode and without penalties, is not below that of the best constant
        prediction, or gains less than half of what the best linear model gains over that constant; of classes, less than two
        thirds, if the network is also right that much less often. Both predictors are fitted
        to the same data under the same loss, so the verdict has no units. Standing a little above the linear model is no fault:
        a network held back by a penalty does, and may be the better for it. Of classes, a loss above the constant's is no
        underfit where the network is right far more often than the constant: a few confident mistakes make it.

    Why it matters:
        A network that contains the linear model and does worse than it has a fault, whatever its curve looks like. It may have
        converged neatly: the curve shows that it stopped, not that it stopped in a good place.

    Evidence:
        `train_loss`: of the network. `constant_loss`, `linear_loss`: of the best constant and the best linear predictor; null
        where not defined. `share`: (constant - network)/(constant - linear): 0 is the constant, 1 the straight line; null
        without a linear one. `accuracy`, `constant_accuracy`: of classes, the share right, of the network and of the most
        frequent class; null where not defined.

    See it:
            trainlab lr-sweep

        A network without biases ends at `1.01`; the best constant has `0.756`, a straight line `0.00663`.

    What to try:
        A bias in every layer; more units or layers; a rate at which the loss arrives; less weight decay or dropout; scaled
        inputs and targets; an output activation that can reach the targets. If the network cannot even fit ten samples, look
        for a bug first.

    Sources:
        Goodfellow, Bengio & Courville, Deep Learning (2016), chapter 5; Karpathy, A Recipe for Training Neural Networks
        (2019).

    Attributes:
        share: fires below this share; at exactly this, not.
        both: of classes, below this share if what the network is right beyond the constant is also less than this share of what
            the linear model is.
        signal: a linear model that lowers the constant's loss by less than this share of it is no yardstick.
        min_updates: before that nothing can have been learned.
    """

    code: ClassVar[str] = "F002"
    name: ClassVar[str] = "underfitting"
    needs: ClassVar[tuple[str, ...]] = ("accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = (
        "D006",
        "M008",
        "M001",
        "M002",
        "M003",
        "M011",
        "D008",
        "D003",
        "D002",
        "D001",
        "D005",
        "G007",
        "G001",
        "G002",
        "G003",
        "G004",
        "G005",
        "G006",
        "G008",
        "L001",
        "L002",
        "L003",
        "L008",
        "L004",
        "C001",
        "M007",
        "F003",
        "G009",
    )
    share: float = 0.5
    both: float = 0.65
    signal: float = 0.05
    min_updates: int = 20

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        if trace.task == "none":
            return
        loss, constant, linear = (read_metric(trace, f"{name}_loss") for name in ("train", "constant", "linear"))
        if trace.nonfinite or not (math.isfinite(loss) and math.isfinite(constant)):
            reason = "the run left the finite numbers" if trace.nonfinite else "training loss and baselines are not both defined"
            yield Skipped(code=self.code, reason=reason)
            return
        if trace.updates < self.min_updates:
            yield Skipped(
                code=self.code,
                reason=f"{say_count(trace.updates, 'update')} cannot have taught it anything (at least {self.min_updates:g})",
            )
            return
        gain = constant - linear
        useful = math.isfinite(linear) and gain > self.signal * abs(constant)
        margin = gain if useful else abs(constant)
        no_better = loss >= constant - self.signal * margin if useful else loss > constant + self.signal * margin
        share = (constant - loss) / gain if useful else None
        if not no_better and share is None:
            yield Skipped(
                code=self.code, reason=f"no linear model beats the constant's loss of {say(constant)} by enough to compare with"
            )
        accuracy, chance, straight_accuracy = (read_metric(trace, f"{name}_accuracy") for name in ("train", "constant", "linear"))
        reach = straight_accuracy if straight_accuracy > chance else 1.0
        limit = self.both if accuracy - chance < self.both * (reach - chance) else self.share
        if not no_better and (share is None or share >= limit):
            return
        if no_better and accuracy - chance >= self.share * (reach - chance) > 0:
            return  # right far more often than the constant, and wrong with confidence where it is wrong
        straight = f", that of a straight line {say(linear)}" if math.isfinite(linear) else ""
        verdict = (
            "no better than a constant" if no_better else f"{say(share or 0)} of what a straight line gains (limit {say(limit)})"
        )
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error" if no_better else "warning",
            message=f"training loss {say(loss)} is {verdict}: the best constant's loss is {say(constant)}{straight}; "
            "try biases, more units, another learning rate or less regularisation",
            evidence={
                "train_loss": loss,
                "constant_loss": constant,
                "linear_loss": linear if math.isfinite(linear) else None,
                "share": share,
                "accuracy": accuracy if math.isfinite(accuracy) else None,
                "constant_accuracy": chance if math.isfinite(chance) else None,
            },
        )
