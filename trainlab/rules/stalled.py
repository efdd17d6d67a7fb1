"""L004: the loss stands still far above what simple predictors reach."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._collapse import find_collapse
from trainlab.rules._course import measure_rises
from trainlab.rules._fit import find_flat_share, is_no_better, judge_fit, read_end
from trainlab.rules._series import find_typical_change, is_noisy, is_regularized, read, read_metric, say, say_count

STANDING = 1e-5  # a typical update that changes a weight by less than this share of it does not move it

STILL = 1e-3  # of the range of the loss: it does not swing by less
STEADY = 0.35  # of all movement upwards and downwards, the share upwards below which a loss is falling, not swinging


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled:
    r"""The loss stands still far above what simple predictors reach.

    What it finds:
        Runs whose loss has not moved over the second half of the epochs and is no better than that of the best constant, or
        gains less than half of what the best linear model gains over it. The gradient tells the two kinds apart. *Near 0*: a
        critical point, a plateau or a saddle, where no direction leads on. *Still large*: it swings, so that one update undoes
        the other: a valley too narrow for the rate, or batches that disagree. A network that has converged to a good place
        stands still too, and is none; nor is one that a giant step has killed, which has collapsed. Without any bias a network
        cannot be held against predictors that have one.

    Why it matters:
        More epochs will not help. At a critical point a lower rate makes it worse, in a valley a higher one does: which of the
        two it is decides what to try.

    Evidence:
        `kind`: `critical-point` or `swinging`. `gradient`: norm of the whole gradient over the last quarter of the updates,
        median, as a share of the largest of the first tenth. `end`: the training loss; `constant_loss`, `linear_loss`: of the
        best constant and the best linear predictor, null where not defined. `moved`: how far the loss moved over the second
        half, as a share of its whole range, or of what a linear model gains over the constant if that is more. `update_ratio`:
        norm(change)/norm(weight), typical of the last quarter.

    See it:
            trainlab overfit --quick --layers 12 --act sigmoid --optimizer sgd \
              --lr 0.1 --epochs 150

        Twelve sigmoid layers stay at `0.693`, the loss of a constant, where a linear model reaches `0.318`.

    What to try:
        Near 0: other initial weights, momentum or Adam, normalisation, an activation that does not saturate. Swinging: a third
        or a tenth of the rate, a schedule that lowers it, scaled inputs, larger batches.

    Sources:
        Dauphin et al. 2014; Cohen, Kaur, Li, Kolter & Talwalkar 2021.

    Attributes:
        flat: fires below this movement; at exactly this, not.
        small: a gradient below this share of its beginning is near 0.
        min_epochs: fewer do not show that it stands;
        min_updates: nor do fewer of these, which a sound network may need to leave a plateau.
    """

    code: ClassVar[str] = "L004"
    name: ClassVar[str] = "stalled"
    needs: ClassVar[tuple[str, ...]] = ("loss", "total-norm", "gradient-norm", "update-ratio", "accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = (
        "D006",
        "F003",
        "M008",
        "M001",
        "M002",
        "D001",
        "D002",
        "D005",
        "D008",
        "G007",
        "G001",
        "G002",
        "G003",
        "G004",
        "G005",
        "G008",
        "L001",
        "L002",
        "C001",
        "M007",
    )
    flat: float = 0.02
    small: float = 0.01
    min_epochs: int = 12
    min_updates: int = 100

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        loss, norms = read(trace, "loss"), read(trace, "total-norm")
        lack = self._find_lack(trace, loss)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        moved, fit = find_flat_share(loss) * _compare_range(trace, loss), judge_fit(trace)
        if moved >= self.flat or fit == "learned" or find_collapse(trace) is not None:
            return
        if fit == "unknown" or not len(norms) or not np.isfinite(norms).all():
            reason = "no predictor shows a lower one in reach" if fit == "unknown" else "the gradient was not measured"
            yield Skipped(code=self.code, reason=f"the loss stands still, but {reason}")
            return
        begin = float(norms[: max(1, len(norms) // 10)].max())
        gradient = float(np.median(norms[-max(1, len(norms) // 4) :])) / begin if begin > 0 else 0.0
        change, noisy = find_typical_change(trace, 0.25), is_noisy(trace)
        stands = change < STANDING or np.ptp(loss[len(loss) // 2 :]) < STILL * np.ptp(loss)
        near = gradient <= self.small or (stands and noisy and not is_regularized(trace))  # single batches never agree on 0
        if not near and stands:
            reason = "the loss stands still against a gradient that is not near 0, and does not swing"
            yield Skipped(code=self.code, reason=f"{reason}: a tiny rate, or a penalty that holds the weights")
            return
        if not near and measure_rises(loss[len(loss) // 2 :]) < STEADY:
            return  # it still falls, if by little
        end, constant, linear = read_end(trace), read_metric(trace, "constant_loss"), read_metric(trace, "linear_loss")
        beside = f"a constant reaches {say(constant)}" + (f", a linear model {say(linear)}" if math.isfinite(linear) else "")
        if near:
            course = f"the gradient is near 0 ({say(gradient)} of its beginning, limit {say(self.small)})"
            course = course if gradient <= self.small else f"typical updates change a weight by only {say(change)} of itself"
            course += ": a critical point; "
            course += "try other initial weights, momentum or Adam, or normalisation"
        else:
            disagree = "its rate is too high for the valley, or its batches disagree" if noisy else "the rate is too high"
            course = f"the gradient is still {say(gradient)} of its beginning and swings: {disagree}; try a third or a tenth of it"
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error" if is_no_better(trace) else "warning",
            message=f"the loss stands still at {say(end)} while {beside}, and {course}",
            evidence={
                "kind": "critical-point" if near else "swinging",
                "gradient": gradient,
                "end": end,
                "constant_loss": constant,
                "linear_loss": linear if math.isfinite(linear) else None,
                "moved": moved,
                "update_ratio": change if math.isfinite(change) else None,
            },
        )

    def _find_lack(self, trace: Trace, loss: np.ndarray) -> str:
        if trace.nonfinite or not np.isfinite(loss).all():
            return "the loss left the finite numbers"
        if len(loss) < max(4, self.min_epochs) or trace.updates < self.min_updates:
            some = f"{say_count(len(loss), 'epoch')} and {say_count(trace.updates, 'update')}"
            return f"{some} cannot show that the loss stands still (at least {self.min_epochs:g} and {self.min_updates:g})"
        return ""


def _compare_range(trace: Trace, loss: np.ndarray) -> float:
    """The range of the loss over what there is to gain, at most 1: on a plateau from the start on, all its range is noise."""
    gain = read_metric(trace, "constant_loss") - read_metric(trace, "linear_loss")
    return float(np.ptp(loss)) / gain if gain > np.ptp(loss) else 1.0
