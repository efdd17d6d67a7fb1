"""L002: the loss was still falling steadily when the training stopped, by small steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._course import extrapolate, measure_rises
from trainlab.rules._fit import judge_fit
from trainlab.rules._series import find_typical_change, read, read_late_rate, say, say_count, say_rate

RISING = 0.1  # of all movement over the second half, the share upwards above which a fall is not steady
STRAIGHT = 1.5  # times the limit of the late share: a fall that is bending by then has other causes than short steps
LOWERED = 0.1  # of the rate that was set: a schedule that has come below this is what makes the steps short


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRateTooLow:
    """The steps are too short: the run stopped on the slope.

    What it finds:
        Runs whose training loss fell to the end without a pause and have a good part of the way before them: the last quarter
        of the epochs still made a tenth of the whole fall (a straight line makes 25 %, a run that has arrived next to nothing),
        and the fall still to come, if it goes on slowing down as it did, is at least a quarter of the fall so far. And each
        update changed the weights by less than a thousandth of themselves: a short run at a normal rate falls as fast, by
        larger steps; only a run that has learned less than half of what a straight line does, and whose last quarter made one and
        a half times as much, may take steps three times as large. A flat loss is not slow but stuck, and has other causes. A run
        that early stopping has ended is judged only if the loss on the validation part was still falling as well.

    Why it matters:
        The result is that of an unfinished training, and every comparison made with it is one of speed.

    Evidence:
        `late_share`: share of the whole fall that the last quarter of the epochs made. `remaining`: the fall still to come as a
        share of the fall so far: a geometric series from the last two quarters, at most down to 0 for a loss above 0; null if
        it does not slow down and has no floor. `first`, `last`: the loss of the first and the last epoch. `update_ratio`:
        norm(change)/norm(weight) of a typical weight and update of the last quarter. `rate`: the learning rate that was set;
        `late_rate`: what it was over the last quarter of the updates, after any schedule.

    See it:
            trainlab lr-sweep --lr 0.0001 --epochs 100

        The last quarter of the epochs made `0.261` of the fall: a straight line, a hundred epochs after the start.

    What to try:
        Three to ten times the rate, as long as the loss does not swing; momentum or Adam; or more epochs. If the first layers
        have next to no gradient (G001), mend that first.

    Sources:
        Google's Deep Learning Tuning Playbook (2023); Smith 2017.

    Attributes:
        late_share: fires from this share on, if also
        remaining: from this share on, and
        update_ratio: below this typical relative change; at exactly this, not.
        min_epochs: fewer do not show a course.
    """

    code: ClassVar[str] = "L002"
    name: ClassVar[str] = "learning-rate-too-low"
    needs: ClassVar[tuple[str, ...]] = ("loss", "validation-loss", "update-ratio", "learning-rate", "accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("G007", "G001", "D001", "C001", "G004", "M001", "M002", "D005")
    late_share: float = 0.1
    remaining: float = 0.25
    update_ratio: float = 1e-3
    min_epochs: int = 8

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        loss = read(trace, "loss")
        if len(loss) < max(2, self.min_epochs) or not np.isfinite(loss).all():
            few = f"{say_count(len(loss), 'epoch')} cannot show a course (at least {self.min_epochs:g})"
            yield Skipped(code=self.code, reason=few if np.isfinite(loss).all() else "the loss left the finite numbers")
            return
        half, late, last = _take_quarters(loss)
        fall = float(loss[0]) - last
        if fall <= 0 or measure_rises(loss[len(loss) // 2 :]) > RISING or late - last < self.late_share * fall:
            return
        remaining = extrapolate(half - late, late - last, last) / fall
        if remaining < self.remaining or (trace.stopped is not None and not self._still_falls(read(trace, "validation-loss"))):
            return
        change = find_typical_change(trace, 0.25)
        if math.isnan(change):
            yield Skipped(
                code=self.code, reason="the loss was still falling, but how far updates move the weights was not measured"
            )
            return
        share = (late - last) / fall
        slow = share >= STRAIGHT * self.late_share and judge_fit(trace) == "stuck"
        if change < self.update_ratio * (3 if slow else 1):
            rate, late_rate = trace.config.optimizer.lr, read_late_rate(trace)
            faster = f"{say(3 * rate)} or {say(10 * rate)}" if late_rate > LOWERED * rate else "a schedule that lowers it less"
            longer = "train longer" if trace.stopped is None else "a longer patience: early stopping ended it"
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                message=f"the last quarter of the epochs still made {say(share)} of the whole fall (limit {say(self.late_share)}), "
                f"by updates that change a weight by {say(change)} of itself (limit {say(self.update_ratio)}); "
                f"{say_rate(rate, late_rate)}: try {faster}, or {longer}",
                evidence={
                    "late_share": share,
                    "first": float(loss[0]),
                    "last": last,
                    "remaining": remaining if math.isfinite(remaining) else None,
                    "update_ratio": change,
                    "rate": rate,
                    "late_rate": late_rate,
                },
            )

    def _still_falls(self, held: np.ndarray) -> bool:
        """Whether the loss on the validation part was on its way too: else early stopping has ended a run that had arrived."""
        if len(held) < max(2, self.min_epochs) or not np.isfinite(held).all():
            return False
        _, late, last = _take_quarters(held)
        return late - last >= self.late_share * (float(held[0]) - last) > 0


def _take_quarters(loss: np.ndarray) -> tuple[float, float, float]:
    """The loss after two, three and four quarters of equal length."""
    half, late, last = np.interp(np.array([0.5, 0.75, 1.0]) * (len(loss) - 1), np.arange(len(loss)), loss)
    return float(half), float(late), float(last)
