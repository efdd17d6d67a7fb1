"""L001: the loss swings at the end, has climbed back from its best, or does not recover from a giant step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._course import find_end, measure_rises, smooth
from trainlab.rules._fit import SIGNAL, is_no_better, judge_fit, read_end
from trainlab.rules._series import (
    is_noisy,
    is_regularized,
    read,
    read_late_rate,
    read_metric,
    read_weights,
    say,
    say_count,
    say_rate,
)

FIRST = 10  # updates: where giant steps do their harm
TAIL = 10  # epochs: over fewer even a swinging loss may happen to fall
STEADY = 0.35  # of all movement upwards and downwards, the share upwards below which a loss is falling, not swinging


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRateTooHigh:
    """The steps are too long: the loss swings, climbs back from its best, or does not recover from a giant step.

    What it finds:
        Runs whose training loss, over the last quarter of the epochs (seen over the last ten, if that is more), goes up nearly
        as much as down, by a notable share of all that the training has gained; and runs that end far above the best loss they
        had. Mini-batches and dropout make any loss uneven, so there the swing has to be larger; a run on the full batch without
        dropout has no noise, and a swing is the step's own. A loss that stands exactly still because no gradient is left has
        collapsed and does not swing; one that rises while a penalty or another regulariser takes hold is as it should be. And
        runs that giant steps have thrown: single updates changed a weight by as much as its own size, after which the run left
        the finite numbers, or by half of it in its first ten updates, after which it never got beyond what a constant or half a
        straight line reaches.

    Why it matters:
        Near a minimum gradient descent settles only if the rate is below 2/lambda, lambda being the largest curvature (for
        quadratics exactly; beyond it the weights jump from one side of the valley to the other for ever). Where training stops
        is then a matter of luck, and a lower rate would end lower.

    Evidence:
        `low`, `high`: 10th and 90th percentile of the loss over the last quarter. `swing`: high - low as a share of the fall
        from the first epoch to the best. `climbed`: how much of that fall was lost again by the end; both infinite if it never
        fell. `limit`: what `swing` was compared with. `step`: norm(change)/norm(weight) of the largest step where the run was
        thrown, else null. `rate`: the learning rate that was set; `late_rate`: what it was over the
        last quarter of the updates, after any schedule.

    See it:
            trainlab lr-sweep --lr 0.1

        The loss ends between `1.56` and `2.17`, in turn. The curvature at the minimum is 22.61, so the limit is 2/22.61 =
        0.0885.

    What to try:
        A third or a tenth of the rate; a schedule that lowers it late; warm-up if it goes wrong early; larger batches if the
        swing is mini-batch noise.

    Sources:
        LeCun et al. 1998 (Efficient BackProp); Cohen et al. 2021 (edge of stability).

    Attributes:
        swing: fires from this share on in runs without noise.
        noisy_swing: the same in runs with mini-batches or dropout.
        climbed: fires from this share on.
        level: high - low, and the climb, must also be at least this share of the loss itself.
        thrown: a step of this relative size throws a run; half of it, of the typical weight, if the run does not recover.
        min_epochs: fewer do not show a swing.
    """

    code: ClassVar[str] = "L001"
    name: ClassVar[str] = "learning-rate-too-high"
    needs: ClassVar[tuple[str, ...]] = ("loss", "total-norm", "learning-rate", "update-ratio", "accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("D006", "M008", "M001", "M002", "G007", "G002", "D001", "D005", "D002", "G009")
    swing: float = 0.05
    noisy_swing: float = 0.3
    climbed: float = 0.3
    level: float = 0.1
    thrown: float = 1.0
    min_epochs: int = 10

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        loss = read(trace, "loss")
        thrown = self._find_throw(trace, loss)
        if thrown is not None:
            yield thrown
            return
        if len(loss) < max(2, self.min_epochs):
            yield Skipped(
                code=self.code,
                reason=f"{say_count(len(loss), 'epoch')} cannot show whether the loss swings (at least {self.min_epochs:g})",
            )
            return
        if not np.isfinite(loss).all():
            yield Skipped(code=self.code, reason="the loss left the finite numbers: whether it would have swung cannot be told")
            return
        tail = loss[-max(5, len(loss) // 4) :]
        norms = read(trace, "total-norm")
        if tail.max() == tail.min() or (len(norms) and norms[-1] == 0):
            return  # nothing moves it any more
        longer = loss[-max(len(tail), min(TAIL, len(loss) // 2)) :]
        best, end = float(smooth(loss).min()), find_end(loss)
        fall = float(loss[0]) - best
        low, high = (float(each) for each in np.percentile(tail, [10, 90]))
        swing, climbed = ((high - low) / fall, (end - best) / fall) if fall > 0 else (math.inf, math.inf)
        least = self.level * float(np.median(np.abs(tail)))
        limit = self.noisy_swing if is_noisy(trace) else self.swing
        swings = swing >= limit and high - low >= least and measure_rises(longer) >= STEADY
        climbs = climbed >= self.climbed and end - best >= least
        climbs = climbs and (not is_regularized(trace) or end > (1 + SIGNAL) * max(float(loss[0]), _read_constant(trace)))
        if not swings and not climbs:
            return
        rate, late = trace.config.optimizer.lr, read_late_rate(trace)
        if swings:
            course = f"still swings between {say(low)} and {say(high)} at the end, {say(swing)} of its fall (limit {say(limit)})"
        else:
            course = f"ended at {say(end)} after {say(best)}: {say(climbed)} of its fall is lost (limit {say(self.climbed)})"
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error" if climbs and climbed >= max(0.5, self.climbed) else "warning",
            message=f"the loss {course}; {say_rate(rate, late)}: try {say(rate / 3)} or {say(rate / 10)}",
            evidence={
                "low": low,
                "high": high,
                "swing": swing,
                "climbed": climbed,
                "limit": limit,
                "step": None,
                "rate": rate,
                "late_rate": late,
            },
        )

    def _find_throw(self, trace: Trace, loss: np.ndarray) -> Finding | None:
        """The finding for a run that giant steps have thrown out of the finite numbers, or to where it learns nothing."""
        changes = read_weights(trace, "update-ratio")
        changes = changes[~np.isnan(changes).all(axis=1)]
        if not changes.size:
            return None
        if trace.nonfinite or not np.isfinite(loss).all():
            step, limit = float(np.nanmax(changes)), self.thrown
            course = f"the loss left the finite numbers{f' in update {trace.nonfinite.update}' if trace.nonfinite else ''}"
            if trace.nonfinite and trace.nonfinite.update < 2:
                return None  # no step preceded it
        else:
            step, limit = float(np.nanmedian(changes[:FIRST], axis=1).max()), self.thrown / 2
            fit = judge_fit(trace)
            if fit == "learned" or trace.task == "none" or (fit == "unknown" and not is_no_better(trace)):
                return None
            course = (
                f"the loss stands at {say(read_end(trace))}, next to nothing learned (a constant: {say(_read_constant(trace))})"
            )
        if step < limit:
            return None
        rate, late = trace.config.optimizer.lr, read_late_rate(trace)
        return Finding(
            code=self.code,
            name=self.name,
            severity="error",
            message=f"{course}, after a step that changed a weight by {say(step)} of itself (limit {say(limit)}); "
            f"{say_rate(rate, late)}: try {say(rate / 10)} or {say(rate / 100)}",
            evidence={
                "low": None,
                "high": None,
                "swing": None,
                "climbed": None,
                "limit": limit,
                "step": step,
                "rate": rate,
                "late_rate": late,
            },
        )


def _read_constant(trace: Trace) -> float:
    """The loss of the best constant; minus infinity where it is not known."""
    constant = read_metric(trace, "constant_loss")
    return constant if math.isfinite(constant) else -math.inf
