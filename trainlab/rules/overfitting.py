"""F001: much better on the training part than on the test part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.intervals import Interval, mean_square, newcombe, subtract
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import read_metric, say, say_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """The network is much better on the data it was trained on than on new data.

    What it finds:
        Runs whose training accuracy (for numbers: R2) exceeds the test accuracy by more than the limit, beyond what the size of
        the two parts explains: the lower end of the 95 % interval of the gap must be above the limit. A wide gap on a small
        test part is reported as not judged, with its interval, rather than as all well.

    Why it matters:
        What was learned beyond the test result is noise of this one sample; the training figure says nothing about use.

    Evidence:
        `measure`: `accuracy` or `r2`. `train`, `test`: its values. `gap`: train - test. `interval`: 95 %: for accuracy
        Newcombe's hybrid score interval (1998, method 10); for R2 the same construction over intervals of the two mean squared
        errors that allow for heavy-tailed errors (kurtosis 6). `samples`: of both parts.

    See it:
            trainlab overfit --quick

        `100.0` % right in training and `82.0` % in test: the interval of the gap begins at `13.3` points.

    What to try:
        More data or augmentation; weight decay (on Adam it is coupled to the gradient and acts far more strongly than the same
        number on AdamW), dropout, a smaller network, early stopping on a validation part. A gap alone is not the fault: where
        test accuracy is still rising, closing it can cost more than it brings.

    Sources:
        Newcombe 1998 (interval of a difference of proportions); Zhang et al. 2017; Google's Deep Learning Tuning Playbook
        (2023).

    Attributes:
        gap: fires if the interval of the accuracy gap lies above this; if it ends exactly here, not.
        r2_gap: the same for R2.
        min_samples: a part smaller than this is not judged.
    """

    code: ClassVar[str] = "F001"
    name: ClassVar[str] = "overfitting"
    needs: ClassVar[tuple[str, ...]] = ("accuracy",)
    causes: ClassVar[tuple[str, ...]] = ("D006", "D005", "D008", "D003", "D007", "D002", "D004", "G007")
    gap: float = 0.05
    r2_gap: float = 0.1
    min_samples: int = 10

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        if trace.task == "none":
            return
        sizes = [trace.sizes.get(part, 0) for part in ("train", "test")]
        lack = self._find_lack(trace, sizes)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        measure, limit = ("r2", self.r2_gap) if trace.task == "regression" else ("accuracy", self.gap)
        train, test = (read_metric(trace, f"{part}_{measure}") for part in ("train", "test"))
        gap = train - test
        if gap <= limit or (measure == "r2" and train <= 0):
            return  # small, or nothing was fitted at all
        low, high = _find_interval(measure, train, test, sizes)
        text = f"{measure} is {say(train)} in training and {say(test)} in test, a gap of {say(gap)}"
        text += f" (95 % interval {say(low)} to {say(high)}"
        if low <= limit:
            yield Skipped(
                code=self.code, reason=f"{text}): at {sizes[1]} test samples it is not certain that it exceeds {say(limit)}"
            )
            return
        yield Finding(
            code=self.code,
            name=self.name,
            severity="warning",
            message=f"{text}, limit {say(limit)}); try {_advise(trace)}",
            evidence={
                "measure": measure,
                "train": train,
                "test": test,
                "gap": gap,
                "interval": [low, high],
                "samples": {"train": sizes[0], "test": sizes[1]},
            },
        )

    def _find_lack(self, trace: Trace, sizes: list[int]) -> str:
        if trace.nonfinite:
            return "the run left the finite numbers"
        if not sizes[1]:
            return "there is no test part"
        if min(sizes) < self.min_samples:
            return f"{say_count(min(sizes), 'sample')} in the smaller part cannot show a gap (at least {self.min_samples:g})"
        measure = "r2" if trace.task == "regression" else "accuracy"
        if not np.isfinite([read_metric(trace, f"{part}_{measure}") for part in ("train", "test")]).all():
            return f"the {measure} of both parts was not measured"
        return ""


def _advise(trace: Trace) -> str:
    """What is not tried yet; of what is on already, more."""
    more = ("more " * (trace.config.optimizer.weight_decay > 0), "more " * (getattr(trace.config.model, "dropout", 0.0) > 0))
    stops = trace.config.train.early_stopping.patience is not None
    tried = [f"{more[0]}weight decay", f"{more[1]}dropout", "a smaller network", "more data", *["early stopping"] * (not stops)]
    return f"{', '.join(tried[:-1])} or {tried[-1]}"


def _find_interval(measure: str, train: float, test: float, sizes: list[int]) -> Interval:
    if measure == "accuracy":
        return newcombe((round(train * sizes[0]), sizes[0]), (round(test * sizes[1]), sizes[1]))
    missed = [mean_square(1 - value, size) for value, size in zip((train, test), sizes, strict=True)]  # 1 - R2 is a mean square
    return subtract(train, (1 - missed[0][1], 1 - missed[0][0]), test, (1 - missed[1][1], 1 - missed[1][0]))
