"""D004: a class so rare that the network neglects it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.intervals import newcombe, wilson
from trainlab.report import Finding, Severity, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import say

CERTAIN = 1 / 3  # of both classes together: among few samples of many classes, chance makes the rarest a fourth of the commonest


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassImbalance:
    """A class is rare in training, and the network neglects it.

    What it finds:
        Runs in which a class has less than a quarter of the training samples of the most frequent one, which is not for its having
        few samples only (the 95 % interval says at most half), and is told less often than
        that one, beyond what the number of samples explains: the 95 % interval of the difference must lie above the limit. It is
        measured on the test part where every class has enough samples there, else on the training part. A rare class that is told
        as often as the others is no fault.

    Why it matters:
        The loss is a mean over samples: to neglect a class of 2 % costs 2 %. The accuracy then looks good and says nothing about
        the class one often cares about most.

    Evidence:
        `class`, `samples`: the class and how many training samples it has. `ratio`: the most frequent class has so many times more.
        `part`: where recall was measured. `recall`, `majority_recall`: share of the class, and of the most frequent one, that is
        told. `interval`: 95 %, of their difference.

    See it:
            trainlab overfit --quick --epochs 50 --set data.imbalance=30

    What to try:
        More samples of the class, or each of its samples several times; weights for the classes in the loss
        (`data.class_weights: balanced`, torch's `weight=`), which `check` tries; a threshold other than one half. Judge by the
        recall of each class, not by the accuracy.

    Sources:
        He & Garcia 2009; Cui et al. 2019; Newcombe 1998 (interval of a difference).

    Attributes:
        ratio: a class is rare if the most frequent one has more than this many times its samples.
        recall: fires if the interval of the difference lies above this.
        min_samples: a class with fewer samples in the part measured is not judged.
        min_updates: before that nothing can have been learned.
    """

    code: ClassVar[str] = "D004"
    name: ClassVar[str] = "class-imbalance"
    needs: ClassVar[tuple[str, ...]] = ("class-recall",)
    causes: ClassVar[tuple[str, ...]] = ("D006",)
    ratio: float = 4.0
    recall: float = 0.1
    min_samples: int = 10
    min_updates: int = 20

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run, of the class worst off; nothing where there are no classes."""
        lack = find_lack(trace)
        if not lack and trace.task in ("none", "regression"):
            return
        counts = trace.arrays.get("train-class-count", np.empty(0))
        lack = lack or ("" if counts.any() else "the samples of each class were not counted")
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        most = int(counts.argmax())
        rare = [int(each) for each in np.flatnonzero(counts > 0) if self._is_rare(counts[each], counts[most])]
        if not rare:
            return
        lack = find_lack(trace, updates=self.min_updates)
        part = next((each for each in ("test", "train") if self._has_enough(trace, each, [most, *rare])), "")
        if lack or not part:
            lack = lack or f"a rare class has fewer than {self.min_samples:g} samples in both parts, or its recall is not known"
            yield Skipped(code=self.code, reason=lack)
            return
        told, sizes = trace.arrays[f"{part}-class-recall"], trace.arrays[f"{part}-class-count"]
        worst = min(rare, key=lambda each: told[each])
        low, high = newcombe((told[most] * sizes[most], sizes[most]), (told[worst] * sizes[worst], sizes[worst]))
        if low <= self.recall:
            return
        weighted = getattr(trace.config.data, "class_weights", None) is not None
        advice = "more samples of it" + ("" if weighted else ", or data.class_weights=balanced")
        severity: Severity = "error" if told[worst] == 0 else "warning"
        yield Finding(
            code=self.code,
            name=self.name,
            severity=severity,
            where=f"class {worst}",
            message=f"class {worst} has {counts[worst]:g} training samples, class {most} {say(counts[most] / counts[worst])} times "
            f"as many (limit {say(self.ratio)}), and {say(100 * told[worst])} % of it are told in {part}, of class {most} "
            f"{say(100 * told[most])} % (limit of the difference {say(100 * self.recall)}); try {advice}",
            evidence={
                "class": worst,
                "samples": int(counts[worst]),
                "ratio": float(counts[most] / counts[worst]),
                "part": part,
                "recall": float(told[worst]),
                "majority_recall": float(told[most]),
                "interval": [low, high],
            },
        )

    def _is_rare(self, count: float, most: float) -> bool:
        return bool(count * self.ratio < most and wilson(count, count + most)[1] < CERTAIN)

    def _has_enough(self, trace: Trace, part: str, classes: list[int]) -> bool:
        counts = trace.arrays.get(f"{part}-class-count", np.empty(0))
        told = trace.arrays.get(f"{part}-class-recall", np.empty(0))
        if len(counts) <= max(classes) or len(told) != len(counts):
            return False
        return bool((counts[classes] >= self.min_samples).all() and np.isfinite(told[classes]).all())
