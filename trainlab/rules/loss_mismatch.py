"""M001: a loss that does not go with the task, or with the activation before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Severity, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._squashing import find_squashing


@dataclass(frozen=True, slots=True, kw_only=True)
class LossMismatch:
    """The loss does not go with the task, or with the activation before it.

    What it finds:
        A loss for numbers (`mse`, `l1`, `huber`) on classes. A softmax, or a sigmoid, before `cross_entropy`, or a sigmoid before
        `bce_logits`: these losses hold their own, so that it is applied twice. A softmax inside a module of the network is found
        by its outputs, which are shares of 1. A log-softmax before `cross_entropy` changes nothing and is not reported.

    Why it matters:
        Squashed twice, the loss cannot come near 0 (0.31 at best for two classes behind a sigmoid), confident answers look unsure,
        and the gradient is small. A squared error on classes behind a sigmoid has next to no gradient where the network is
        confidently wrong, where cross-entropy has the largest.

    Evidence:
        `loss`: its name. `activation`: the last one, or null. `task`: what is learned.

    See it:
            trainlab overfit --quick --epochs 50 --set loss=bce_logits

    What to try:
        For classes: no activation at the end with `cross_entropy` or `bce_logits`, or a sigmoid with `bce`. For numbers: `mse`,
        `l1` or `huber` without an activation.

    Sources:
        Bishop 2006, 4.3 (output activations and their losses).
    """

    code: ClassVar[str] = "M001"
    name: ClassVar[str] = "loss-mismatch"
    needs: ClassVar[tuple[str, ...]] = ("outputs",)
    causes: ClassVar[tuple[str, ...]] = ()

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        lack = find_lack(trace, finite=False)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        loss = trace.config.loss
        if trace.task == "none" or loss == "sum":
            return
        if "sums_to_one" not in trace.metrics and (not trace.modules or trace.how == "watched"):
            yield Skipped(code=self.code, reason="what the network ends with was not looked at")
            return
        squashing = find_squashing(trace)
        if squashing:
            cure = f"{loss} applies one itself, so the loss cannot come near 0; "
            cure += "leave it out" if trace.how == "watched" else "try model.output=none"
            yield self._find(trace, "error", f"a {squashing} stands before {loss}: {cure}", squashing)
        elif loss in ("mse", "l1", "huber") and trace.task in ("binary", "multiclass"):
            better = "bce_logits" if trace.task == "binary" else "cross_entropy"
            yield self._find(
                trace, "warning", f"{loss} is a loss for numbers, and the targets are classes; try loss={better}", None
            )

    def _find(self, trace: Trace, severity: Severity, message: str, activation: str | None) -> Finding:
        return Finding(
            code=self.code,
            name=self.name,
            severity=severity,
            message=message,
            evidence={"loss": trace.config.loss, "activation": activation, "task": trace.task},
        )
