"""G006: NaN or infinity appeared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Skipped, Trace
from trainlab.report import NonFinite as FirstBad
from trainlab.rules._series import say

LARGEST = {"float32": 3.4e38, "bf16": 3.4e38, "fp16": 65504.0}
PLACES = {"forward": "in the forward pass", "backward": "in the backward pass", "update": "in the weights after the step"}
UNDEFINED = "keep what goes into it away from where it is not defined: clamp it, or add a small number"
START = "no step preceded it, so look at the data and the initial weights; clipping cannot cure this"
ADVICE = {
    "forward": "the steps before threw the weights too far: lower the learning rate or clip by norm",
    "backward": "look for a square root, logarithm or division at 0, or clip by norm if the gradient grew step by step",
    "update": "lower the learning rate or clip by norm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFinite:
    """NaN or infinity appeared, and the run ended there.

    What it finds:
        The first update at which an output, the loss, a gradient or a weight was no finite number, and in which of these, in
        this order, it happened first. That place is the cause or next to it; everything after it is consequence.

    Why it matters:
        One NaN in the loss makes every gradient NaN, and one step later every weight: the training cannot recover. Inf usually
        comes first and is an overflow (float32 and bf16 end at 3.4e38, fp16 at 65504); NaN follows from Inf - Inf, 0 * Inf or
        0/0, or comes at once from a logarithm or square root of a number at or below 0. In fp16 a gradient that overflows under
        the loss scale is nothing of the kind: the update is skipped and the scale halved. Ten updates in a row without a finite
        gradient at any scale are.

    Evidence:
        `update`: counted from 1. `direction`: `forward`, `backward` or `update` (the weights after the step). `value`: `nan` or
        `inf`. `last_finite`: the largest absolute value in the same place just before; null if there was none. A large one
        speaks of growth, a small one of a single operation that is not defined.

    See it:
            trainlab lr-sweep --lr 3 --act identity

        The forward pass overflows in update `4`; the largest value before it was `2.2e28`.

    What to try:
        Forward, in the first update: look at the data for NaN, then at the initial weights and the scale of the inputs;
        normalise. Clipping cannot cure a forward pass that overflows by itself. Forward, later: the steps before were too long:
        lower the learning rate, or clip by norm. Loss with finite outputs: use the loss that takes logits. Backward: look at
        the operations of the named parameter's layer; clip by norm if the gradient grew before.

    Sources:
        Goldberg 1991 (What Every Computer Scientist Should Know About Floating-Point Arithmetic).
    """

    code: ClassVar[str] = "G006"
    name: ClassVar[str] = "non-finite"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ("M006", "D006", "G007", "G002", "D001", "D005", "M002", "L001")

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        first = trace.nonfinite
        if first is None:
            if not trace.updates:
                yield Skipped(code=self.code, reason="no update was made")
            return
        value = "NaN" if first.value == "nan" else "Inf"
        before = (
            "nothing finite was there before"
            if first.last_finite is None
            else f"the largest value before was {say(first.last_finite)}"
        )
        precision = trace.config.train.precision
        limit = f" ({precision} ends at {say(LARGEST[precision])})" if first.value == "inf" and precision in LARGEST else ""
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error",
            where=first.where,
            message=f"{value} appeared {PLACES[first.direction]} of update {first.update} at {first.where}; {before}{limit}; "
            f"{self._advise(first)}",
            evidence={
                "update": first.update,
                "direction": first.direction,
                "value": first.value,
                "last_finite": first.last_finite,
            },
        )

    @staticmethod
    def _advise(first: FirstBad) -> str:
        if " (after " in first.where:  # an operation of the script's own, behind a layer
            return UNDEFINED
        return START if first.update == 1 and first.direction == "forward" else ADVICE[first.direction]
