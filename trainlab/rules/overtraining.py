"""F004: trained past the best: the loss on data held back has turned and climbed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._course import find_end, smooth
from trainlab.rules._series import read, read_metric, say, say_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtraining:
    """The training went on after its best epoch, and the network got worse on new data.

    What it finds:
        Runs whose loss on the validation part (without one, on the test part) ends well above its best, while the training loss
        went on falling. The best is the lowest median of neighbouring epochs, the end the median of the last tenth, so that
        neither is one lucky epoch; the rise must exceed the noise from epoch to epoch three times, and a quarter of what the best
        had gained over the best constant (where that is not known, over the first epoch) must be lost again: long after a network
        has arrived it grows surer of its few mistakes, which costs the loss a little and the accuracy nothing. A gap to the
        training loss that does not grow is no finding, and neither is a rise in both, which has other causes (L001). A run with
        early stopping has the weights of its best epoch, whatever came after it.

    Why it matters:
        Every epoch after the best one was paid for and made the result worse: the network learns the noise of its samples, and
        becomes surer of its mistakes. The loss turns first; the accuracy may stay for a while.

    Evidence:
        `part`: `validation` or `test`. `epoch`: of the best, counted from 1; `epochs`: of all. `best`, `end`: the loss, smoothed.
        `rise`: (end - best)/best; infinite if the best is 0. `noise`: the typical change of the loss from one epoch to the next
        over the second half, beyond its trend. `samples`: of the part.

    See it:
        `trainlab overfit --quick --epochs 200`: the loss on the test part is best around epoch 33, and ends three times as high.

    What to try:
        Stop there: `train.early_stopping`, which needs `data.validation_fraction` and keeps the weights of the best epoch. Not by
        the test part: what is chosen on it is fitted to it. A loss that turns early and climbs far asks for more data,
        weight decay or a smaller network besides.

    Sources:
        Prechelt (1998), "Early stopping - but when?"; Google's Deep Learning Tuning Playbook (2023).

    Attributes:
        rise: fires if the end lies above the best by more than this share of it.
        lost: and by more than this share of what the best had gained.
        noise: and by more than this many times the noise; if it does not, it is not judged.
        min_epochs: fewer do not show a course.
        min_samples: a smaller part is not judged: a few samples move its loss.
    """

    code: ClassVar[str] = "F004"
    name: ClassVar[str] = "overtraining"
    needs: ClassVar[tuple[str, ...]] = ("loss", "validation-loss", "test-loss", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("D005", "D008", "D003", "F001")
    rise: float = 0.2
    lost: float = 0.25
    noise: float = 3.0
    min_epochs: int = 10
    min_samples: int = 30

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        if trace.task == "none" or trace.best_epoch is not None:
            return
        part = "validation" if "validation-loss" in trace.series else "test"
        held, loss = read(trace, f"{part}-loss"), read(trace, "loss")
        lack = self._find_lack(trace, part, held, loss)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        course = smooth(held)
        width = len(held) - len(course) + 1
        start = int(course.argmin())
        epoch = start + int(held[start : start + width].argmin())  # from 0
        best, end, noise = float(course[start]), find_end(held), _find_noise(held)
        constant = read_metric(trace, "constant_loss")
        gained = max(0.0, (constant if math.isfinite(constant) else float(held[0])) - best)
        if end - best <= max(self.rise * best, self.lost * gained) or find_end(loss) > float(
            np.median(loss[start : start + width])
        ):
            return
        text = f"the loss on the {part} part was best around epoch {epoch + 1} of {len(held)} ({say(best)}) and ended at {say(end)}"
        if end - best <= self.noise * noise:
            yield Skipped(
                code=self.code, reason=f"{text}, but it changes by {say(noise)} from one epoch to the next: that may be chance"
            )
            return
        rise = (end - best) / best if best > 0 else math.inf
        keep = "" if part == "validation" else "keep a validation part (data.validation_fraction=0.2) and "
        yield Finding(
            code=self.code,
            name=self.name,
            severity="warning",
            message=f"{text}, {say(100 * rise)} % above that (limit {say(100 * self.rise)} %), while the training loss "
            f"fell to {say(find_end(loss))}; {keep}stop there (train.early_stopping)",
            evidence={
                "part": part,
                "epoch": epoch + 1,
                "epochs": len(held),
                "best": best,
                "end": end,
                "rise": rise,
                "noise": noise,
                "samples": trace.sizes[part],
            },
        )

    def _find_lack(self, trace: Trace, part: str, held: np.ndarray, loss: np.ndarray) -> str:
        if trace.nonfinite:
            return "the run left the finite numbers"
        if not len(held) or len(held) != len(loss):
            return "no loss on a validation or test part was measured after each epoch"
        if trace.sizes.get(part, 0) < self.min_samples:
            samples = say_count(trace.sizes.get(part, 0), "sample")
            return f"{samples} in the {part} part cannot show a rise (at least {self.min_samples:g})"
        if len(held) < max(3, self.min_epochs):
            return f"{say_count(len(held), 'epoch')} cannot show whether the loss turns (at least {max(3, self.min_epochs):g})"
        if not np.isfinite([held, loss]).all():
            return f"the loss on the {part} part left the finite numbers"
        return "a loss below 0 has no scale to measure a rise by" if held.min() < 0 else ""


def _find_noise(loss: np.ndarray) -> float:
    """Standard deviation of one epoch's value about the trend, over the second half, by the median absolute deviation."""
    steps = np.diff(loss[len(loss) // 2 :])
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / math.sqrt(2))
