"""M002: outputs that cannot reach the targets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric, say
from trainlab.rules._squashing import find_squashing


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputMismatch:
    """The last activation cannot put out what the targets ask for.

    What it finds:
        Runs whose last activation has a limit (sigmoid: 0 to 1, tanh: -1 to 1, ReLU: from 0 up) such that even the best outputs
        within it leave more than a twentieth of the best constant's loss. Targets that stand only a little outside, or a range that
        is wide enough, are no fault. A softmax or sigmoid before a loss that has its own is M001.

    Why it matters:
        What the outputs cannot reach, no training reaches: the network settles at the edge of its range, where the gradient of a
        sigmoid or tanh is 0.

    Evidence:
        `activation`: class of the last module. `range`: lowest and highest output; null where there is no limit. `reachable_loss`:
        the best that is possible. `constant_loss`: of the best constant. `share`: the first over the second.

    See it:
            trainlab overfit --quick --epochs 50 --set data.name=diabetes,loss=mse

    What to try:
        `model.output: none` for numbers; or scale the targets into the range. For classes no activation with `cross_entropy` or
        `bce_logits`.

    Sources:
        Bishop 2006, 5.2 (output activations).

    Attributes:
        share: fires above this.
    """

    code: ClassVar[str] = "M002"
    name: ClassVar[str] = "output-mismatch"
    needs: ClassVar[tuple[str, ...]] = ("outputs", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("D006",)
    share: float = 0.05

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        lack = find_lack(trace, finite=False)
        if not lack and (trace.task == "none" or trace.config.loss == "sum"):
            return
        lack = lack or find_lack(trace, "reachable_loss", finite=False)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        reachable, constant = (read_metric(trace, f"{name}_loss") for name in ("reachable", "constant"))
        if reachable <= 0 or find_squashing(trace):
            return
        if not constant > 0:
            yield Skipped(code=self.code, reason=f"the loss {trace.config.loss} has no best constant here to compare with")
            return
        low, high = (read_metric(trace, f"output_{name}") for name in ("low", "high"))
        share = reachable / constant
        if share > self.share:
            last = trace.modules[-1].kind if trace.modules else "the last module"
            yield Finding(
                code=self.code,
                name=self.name,
                severity="error",
                where=trace.modules[-1].name if trace.modules else "",
                message=f"{last} puts out {say(low)} to {say(high)}, a loss of {say(reachable)} at best: {say(share)} of "
                f"the best constant's {say(constant)} (limit {say(self.share)}); try model.output=none, or scale the targets",
                evidence={
                    "activation": last,
                    "range": [each if math.isfinite(each) else None for each in (low, high)],
                    "reachable_loss": reachable,
                    "constant_loss": constant,
                    "share": share,
                },
            )
