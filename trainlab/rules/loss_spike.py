"""L007: the loss jumps, and recovers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import name_unit, read, say, say_count

BEFORE = 5  # epochs whose median is the level that a jump starts from
AROUND = 20  # epochs whose typical move is the noise that a jump stands out from
BACK = 0.25  # of the jump, and of the fall before it: what may be left once the run has recovered
RAISED = 1.5  # times: a learning rate that has grown by as much is what the jump came after


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """One jump: the epoch it came in and the one from which it was over, counted from 0; from where it rose, and how high."""

    start: int
    end: int
    level: float
    top: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSpike:
    r"""The loss jumps, and the run recovers.

    What it finds:
        Epochs whose loss stands far above the median of the five before it: by a quarter of all that the training had gained
        until then, and by many times what the loss usually moves from one epoch to the next, so that the noise of small batches
        is none. Afterwards the loss comes back; a run that does not come back has climbed or diverged, and is told as such. A
        jump of a loss that has all but reached 0 is no matter.

    Why it matters:
        What was learned is thrown away and learned again, and the next jump may not be survived. A jump without a cause in the
        schedule speaks of a rate at the edge of what the curvature allows, of a batch with an outlier, or of an Adam whose
        running mean square had become too small for the gradient that came.

    Evidence:
        `spikes`: how many. `epochs`: in which each began, counted from 1; updates, of a script. `lost`: share of all epochs spent
        above. `largest`: the height of the largest as a share of the fall until then. `after`: `schedule` if the learning rate
        had grown by half or more in the epochs before the first, `nothing seen` else, `not measured` without the rates. `rate`:
        the learning rate there; null if it was not measured.

    See it:
            trainlab overfit --quick --act tanh --lr 0.01 --epochs 60 \
              --set schedule.name=piecewise --set schedule.boundaries=[20,21] \
              --set schedule.values=[1,100,1]

        One epoch at a hundred times the rate: the loss jumps in epoch `22` and comes back.

    What to try:
        A lower peak rate or a longer warm-up; clipping by norm at about the usual gradient norm; for Adam a second beta of 0.95
        to 0.99. Then look at the batches of that epoch.

    Sources:
        Chowdhery et al. 2023 (PaLM); Cohen, Kaur, Li, Kolter & Talwalkar 2021; Molybog et al. 2023.

    Attributes:
        jump: fires above this share of the fall until then; at exactly this, not.
        noise: and above this multiple of the typical move between epochs.
        level: and above this share of the loss itself.
        lost: a run that spends this share of its epochs above suffers: a warning; less is information.
        min_epochs: fewer do not show what is usual.
    """

    code: ClassVar[str] = "L007"
    name: ClassVar[str] = "loss-spike"
    needs: ClassVar[tuple[str, ...]] = ("loss", "learning-rate")
    causes: ClassVar[tuple[str, ...]] = ("M006", "D002", "D005", "G009", "L001")
    jump: float = 0.25
    noise: float = 10.0
    level: float = 0.1
    lost: float = 0.05
    min_epochs: int = 20

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        loss = read(trace, "loss")
        if len(loss) < max(self.min_epochs, BEFORE + 2):
            few = f"{say_count(len(loss), name_unit(trace))} cannot show what is usual (at least {self.min_epochs:g})"
            yield Skipped(code=self.code, reason=few)
            return
        if not np.isfinite(loss).all():
            yield Skipped(code=self.code, reason="the loss left the finite numbers")
            return
        unit, at = name_unit(trace), trace.series["loss"].at
        spikes = self._find_spikes(loss)
        if not spikes:
            return
        largest = max(spikes, key=lambda spike: spike.top - spike.level)
        height = (largest.top - largest.level) / (loss[0] - loss[: largest.start].min())
        lost = sum(spike.end - spike.start for spike in spikes) / len(loss)
        after, rate = _find_trigger(trace, spikes[0].start, len(loss))
        beginning = {"schedule": f"after the learning rate had risen to {say(rate or 0)}", "not measured": ""}.get(
            after, "without a change of the learning rate"
        )
        yield Finding(
            code=self.code,
            name=self.name,
            severity="warning" if lost >= self.lost else "info",
            message=f"the loss jumped {say_count(len(spikes), 'time')} and came back, first in {unit} {at[spikes[0].start]}"
            f"{f', {beginning}' if beginning else ''}: at most from {say(largest.level)} to {say(largest.top)}, {say(height)} of "
            f"the fall until then (limit {say(self.jump)}), {lost:.0%} of the {unit}s; "
            "try a lower peak rate, warm-up or clipping by norm",
            evidence={
                "spikes": len(spikes),
                "epochs": [int(at[spike.start]) for spike in spikes],
                "lost": lost,
                "largest": float(height),
                "after": after,
                "rate": rate,
            },
        )

    def _find_spikes(self, loss: np.ndarray) -> list[Spike]:
        levels = np.median(sliding_window_view(loss, BEFORE)[:-1], axis=1)  # of the epochs before BEFORE, BEFORE + 1, ...
        jumps = loss[BEFORE:] - levels
        falls = loss[0] - np.minimum.accumulate(loss)[BEFORE - 1 : -1]
        high = (falls > 0) & (jumps > self.jump * falls) & (jumps > self.level * np.abs(levels))
        spikes: list[Spike] = []
        until = 0
        for at in np.flatnonzero(high) + BEFORE:
            level = float(levels[at - BEFORE])
            usual = float(np.median(np.abs(np.diff(loss[max(0, at - AROUND) : at]))))
            if at < until or loss[at] - level <= self.noise * usual:
                continue
            fall = float(loss[0] - loss[:at].min())
            back = np.flatnonzero(loss[at:] <= level + BACK * min(loss[at] - level, fall))
            if not len(back):
                break  # it does not come back: no spike
            until = int(at + back[0])
            spikes.append(Spike(start=int(at), end=until, level=level, top=float(loss[at:until].max())))
        return spikes


def _find_trigger(trace: Trace, epoch: int, epochs: int) -> tuple[str, float | None]:
    """What the learning rate did in the epochs before, and what it was."""
    series = trace.series.get("learning-rate")
    rates = read(trace, "learning-rate")
    if series is None or not len(rates):
        return "not measured", None
    each = max(trace.updates, 1) / epochs
    near = rates[(series.at > (epoch - BEFORE) * each) & (series.at <= (epoch + 1) * each)]
    earlier = rates[series.at <= (epoch - BEFORE) * each + 1]
    near = near if len(near) else rates[:1]
    reference = float(earlier[-1]) if len(earlier) else float(rates[0])
    return ("schedule" if near.max() > RAISED * reference else "nothing seen"), float(near.max())
