"""C005: the clipping threshold is never reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._clipping import read_clipped
from trainlab.rules._series import say, say_count


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippingIdle:
    """The clipping threshold is never reached.

    What it finds:
        Runs with clipping in which no update was changed by it.

    Why it matters:
        As a guard against a rare event this is as it should be. But a threshold that was meant to act, or that a comparison is
        about, does nothing here: with and without it the run is the same.

    Evidence:
        `threshold`: the one set. `largest_norm`: the longest raw gradient of the run (clipping by value compares single
        numbers, which are smaller still). `updates`: how many were looked at.

    See it:
            trainlab clip lr-sweep --lr 0.01 --set clip.mode=norm,clip.threshold=100

        The longest gradient of the run is `7.69`, below a threshold of 100.

    What to try:
        Leave it as a guard, leave it out, or set it near the 90th percentile of the raw gradient norms.

    Sources:
        Google's Deep Learning Tuning Playbook (2023).

    Attributes:
        min_updates: fewer do not show that it never acts.
    """

    code: ClassVar[str] = "C005"
    name: ClassVar[str] = "clipping-idle"
    needs: ClassVar[tuple[str, ...]] = ("total-norm", "used-norm", "clip-angle")
    causes: ClassVar[tuple[str, ...]] = ()
    min_updates: int = 10

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where clipping is off."""
        clip = trace.config.clip
        if clip.mode == "none":
            return
        clipped = read_clipped(trace)
        updates = len(clipped.cut)
        if updates < self.min_updates and not clipped.cut.any():
            yield Skipped(
                code=self.code,
                reason=f"{say_count(updates, 'update')} cannot show that it never acts (at least {self.min_updates:g})",
            )
        elif not clipped.cut.any():
            largest = float(clipped.total.max())
            yield Finding(
                code=self.code,
                name=self.name,
                severity="info",
                message=f"none of {updates} updates reached the threshold of {say(clip.threshold)} by {clip.mode}: "
                f"the longest gradient was {say(largest)}; keep it as a guard, or leave it out",
                evidence={"threshold": clip.threshold, "largest_norm": largest, "updates": updates},
            )
