"""C004: gradients clipped at the wrong moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import read_metric

PLACES = {
    "clipped_before_unscaling": ("while they were scaled up for fp16", "call scaler.unscale_(optimizer) before clipping"),
    "clipped_before_backward": ("before the backward pass that makes them", "clip between backward() and step()"),
    "clipped_inside_accumulation": (
        "before the last backward pass of the step, so that later batches came on top unclipped",
        "clip once, after the last backward() of the step",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippingOutOfOrder:
    """Gradients are clipped at a moment when it does something else than it should.

    What it finds:
        Steps whose gradients were clipped while a gradient scaler had them scaled up, before the backward pass that makes them, or
        in the middle of an accumulation.

    Why it matters:
        Scaled gradients are thousands of times larger than the threshold is meant for: every step is clipped to almost nothing,
        and how much changes with the scale. Clipped before they exist, the gradients of the step are not clipped at all.

    Evidence:
        `clipped`: steps with clipping. `wrong`: those among them at the wrong moment. `moment`: which.

    See it:
            trainlab watch -m trainlab.watch.example --mistake clip-scaled

    What to try:
        The order is: backward (of every part batch), `scaler.unscale_(optimizer)` where there is a scaler, clip, step.

    Sources:
        The PyTorch documentation (automatic mixed precision examples, gradient clipping).

    Attributes:
        share: of the clipped steps that must be out of order.
        min_steps: clipped steps; fewer say nothing.
    """

    code: ClassVar[str] = "C004"
    name: ClassVar[str] = "clipping-out-of-order"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["script"]] = "script"
    share: float = 0.5
    min_steps: int = 3

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run: the commonest moment."""
        clipped = read_metric(trace, "clipped_steps")
        if not clipped >= self.min_steps:
            yield Skipped(code=self.code, reason=f"fewer than {self.min_steps:g} steps were clipped")
            return
        counts = {name: read_metric(trace, name) for name in PLACES}
        worst = max(counts, key=lambda name: counts[name])
        if counts[worst] >= self.share * clipped:
            moment, cure = PLACES[worst]
            yield Finding(
                code=self.code,
                name=self.name,
                severity="error",
                message=f"in {counts[worst]:g} of {clipped:g} clipped steps gradients were clipped {moment}; {cure}",
                evidence={"clipped": clipped, "wrong": counts[worst], "moment": worst.removeprefix("clipped_").replace("_", "-")},
            )
