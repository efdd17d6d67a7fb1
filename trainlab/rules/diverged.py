"""L003: the loss is not finite, or far above where it began."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._course import find_end
from trainlab.rules._series import name_unit, read, read_metric, say, say_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Diverged:
    """The loss is not finite, or far above where it began.

    What it finds:
        Runs that were trained and lost everything: the loss ended in NaN or Inf after at least one update, or the training made
        it worse, by a multiple of the scale that the loss had before. The scale is the size of the first loss or its fall to
        the best, whichever is larger, so that neither units nor a negative loss matter. Where the first epoch as a whole is worse
        than a constant, the run may be lost in it already: then the first loss is that of the first batch, and the scale at least
        the constant's. A run that was never finite has bad data or weights, not a bad course, and is left to the rule for NaN and
        Inf.

    Why it matters:
        Nothing was learned, and everything measured at the end is about a broken network.

    Evidence:
        `first`, `best`, `last`: the training loss at the start, at its lowest, and over the last tenth of the epochs (median);
        null where there is none. `rise`: (last - first)/scale; null if not finite. `update`: where it left the finite numbers, if
        it did.

    See it:
            trainlab lr-sweep --lr 3 --act identity

        Three linear weights at a rate of 3: the loss begins at `9.52` and is no number in update `4`.

    What to try:
        A lower learning rate (a third, a tenth); clipping by norm; warm-up; scaled inputs and targets; smaller initial weights.
        If the loss already rises in the first updates, look at the sign of the loss and at the data.

    Sources:
        LeCun et al. 1998 (Efficient BackProp); Goodfellow, Bengio & Courville, Deep Learning (2016), chapter 8.

    Attributes:
        rise: fires above this multiple of the scale; at exactly this, not.
    """

    code: ClassVar[str] = "L003"
    name: ClassVar[str] = "diverged"
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    causes: ClassVar[tuple[str, ...]] = ("M006", "D006", "G007", "G002", "D001", "D005", "G006", "L001")
    rise: float = 2.0

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        loss, unit = read(trace, "loss"), name_unit(trace)
        broken = trace.nonfinite is not None or not np.isfinite(loss).all()
        if broken and (len(loss) > 1 if trace.nonfinite is None else trace.nonfinite.update > 1):
            finite = loss[np.isfinite(loss)]
            update = trace.nonfinite.update if trace.nonfinite else None
            place = f"in update {update}" if update else f"in {unit} {int(np.argmin(np.isfinite(loss))) + 1}"
            course = f", after {say(float(finite[0]))} in the first {unit}" if len(finite) else ""
            first = float(finite[0]) if len(finite) else None
            yield self._find(
                finite, f"the loss left the finite numbers {place}{course}", first=first, last=None, rise=None, update=update
            )
            return
        if broken or len(loss) < 2:
            reason = (
                "the run was not finite from its first update on"
                if broken
                else f"{say_count(len(loss), unit)} cannot show a course"
            )
            yield Skipped(code=self.code, reason=reason)
            return
        (first, least), last = _find_start(trace, loss), find_end(loss)
        scale = max(abs(first), first - float(loss.min()), least)
        if scale == 0 and last > 0:
            yield Skipped(code=self.code, reason=f"the loss began at exactly 0, so there is no scale for its rise to {say(last)}")
        elif last - first > self.rise * scale:
            rise = (last - first) / scale
            message = f"the loss rose from {say(first)} to {say(last)}: by {say(rise)} times its own scale (limit {say(self.rise)})"
            yield self._find(loss, message, first=first, last=last, rise=rise, update=None)

    def _find(
        self, loss: np.ndarray, message: str, *, first: float | None, last: float | None, rise: float | None, update: int | None
    ) -> Finding:
        return Finding(
            code=self.code,
            name=self.name,
            severity="error",
            message=f"{message}; try a lower learning rate, warm-up or clipping by norm",
            evidence={
                "first": first,
                "best": float(loss.min()) if len(loss) else None,
                "last": last,
                "rise": rise,
                "update": update,
            },
        )


def _find_start(trace: Trace, loss: np.ndarray) -> tuple[float, float]:
    """The loss that the run began with, and the least scale: one batch has less to say than an epoch."""
    batches, constant = read(trace, "batch-loss"), read_metric(trace, "constant_loss")
    if len(batches) and float(batches[0]) < float(loss[0]) and constant < float(loss[0]):
        return float(batches[0]), abs(constant)
    return float(loss[0]), 0.0
