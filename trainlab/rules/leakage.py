"""D007: the same samples in train and test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.intervals import newcombe
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric, say


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    r"""Samples of the test part stand in the training part too.

    What it finds:
        Test samples whose inputs, number for number, some training sample has, beyond the limit and beyond chance. Where the inputs
        are measured (some feature has nearly as many values as there are samples), equal rows are copies. Where they are counted
        or chosen from a few values, rows repeat by chance: then as many training samples have a twin among themselves, and
        nothing can be said.

    Why it matters:
        The network has seen the answers: the test result is that of the training part, to that share, and says nothing about new
        data. The usual ways in: samples drawn several times to balance the classes before the split, files joined twice, several
        crops or frames of one original.

    Evidence:
        `share`: of the test samples. `repeats`: share of the training samples that have a twin in the training part. `samples`: of
        both parts.

    See it:
            trainlab overfit --quick --epochs 50 \
                --set data.name=blobs,data.classes=100,data.spread=0 \
                --set loss=cross_entropy,model.output=none

    What to try:
        Drop duplicates first, then split; split by person, file or day where several samples come from one; resample the training
        part only.

    Sources:
        Kaufman, Rosset & Perlich 2012; Kapoor & Narayanan 2023.

    Attributes:
        share: fires above this.
        grain: distinct values of the finest input over distinct samples; from this on equal rows are copies.
        min_samples: a test part smaller than this is not judged.
    """

    code: ClassVar[str] = "D007"
    name: ClassVar[str] = "leakage"
    needs: ClassVar[tuple[str, ...]] = ("duplicates",)
    causes: ClassVar[tuple[str, ...]] = ()
    share: float = 0.01
    grain: float = 0.5
    min_samples: int = 10

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        sizes = {part: trace.sizes.get(part, 0) for part in ("train", "test")}
        lack = find_lack(trace, finite=False)
        lack = lack or ("" if sizes["test"] else "there is no test part")
        lack = lack or (
            "" if sizes["test"] >= self.min_samples else f"{sizes['test']} test samples (at least {self.min_samples:g})"
        )
        lack = lack or find_lack(trace, "duplicate_rate", "repeat_rate", "grain", finite=False)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        share, repeats, grain = (read_metric(trace, name) for name in ("duplicate_rate", "repeat_rate", "grain"))
        copies = round(share * sizes["test"])
        if share <= self.share or copies < 2:
            return
        text = f"{say(100 * share)} % of the test samples stand in the training part"
        low, _ = newcombe((copies, sizes["test"]), (round(repeats * sizes["train"]), sizes["train"]))
        if grain < self.grain and low <= self.share:
            yield Skipped(
                code=self.code, reason=f"{text}, but {say(100 * repeats)} % of its samples repeat within it too: few values"
            )
            return
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error",
            message=f"{text} too, number for number (limit {say(100 * self.share)} %): the test result is not that of new data; "
            "drop duplicates, then split",
            evidence={"share": share, "repeats": repeats, "samples": sizes},
        )
