"""D003: targets that do not fit their inputs where the others fit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.intervals import wilson
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric, say


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNoise:
    """Many training targets contradict those of samples that are alike.

    What it finds:
        Training parts with labels that a random forest, asked about samples that its trees have not seen, is sure are others.
        Classes that overlap do so at their border, where the forest is unsure; labels changed at random are wrong everywhere.
        So what counts is the share wrong among the third of the samples it is surest of: its 95 % interval must lie above the
        limit, and it must not be far below the share wrong among all. Where numbers are to be predicted: the share of errors
        beyond four times their robust spread, among samples whose target is not extreme in itself. Where the forest learns too
        little to tell wrong labels from hard data, that is said, and nothing is found. Noise spread evenly over all targets is
        not told from a hard task either.

    Why it matters:
        A network large enough learns wrong labels by heart, and its test result falls with them; the accuracy that can be
        reached, and measured, is bounded by them.

    Evidence:
        `wrong`: the share. `interval`: 95 %, for classes. `all`: the share wrong among all samples, for classes. `samples`: how
        many the share is of.

    See it:
            trainlab check --diagnose --set data.name=moons,data.label_noise=0.3

    What to try:
        Look at the samples with the largest loss: wrong labels gather there. Early stopping, label smoothing, weight decay or a
        smaller network keep the network from learning them; for numbers the absolute or Huber loss.

    Sources:
        Northcutt, Jiang & Chuang 2021; Breiman 2001 (out-of-bag votes); Zhang et al. 2017; Wilson 1927.

    Attributes:
        wrong: fires if the interval lies above this share of the sure ones; for numbers, above this share of all.
        evenness: the share wrong among the sure ones over that among all must be at least this: the labels are wrong everywhere.
        skill: a forest that gains less than this over chance cannot tell.
        number_skill: the same for numbers, where 1 - skill is the share of the variance left.
    """

    code: ClassVar[str] = "D003"
    name: ClassVar[str] = "label-noise"
    needs: ClassVar[tuple[str, ...]] = ("out-of-bag", "outliers")
    causes: ClassVar[tuple[str, ...]] = ("D006", "D002")
    wrong: float = 0.05
    evenness: float = 0.5
    skill: float = 0.2
    number_skill: float = 0.4

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        wanted = "oob_outside" if trace.task == "regression" else "sure_wrong"
        lack = find_lack(trace, finite=False)
        if not lack and trace.task == "none":
            return
        lack = lack or find_lack(trace, "oob_samples", "oob_skill", wanted, finite=False)
        if lack:
            yield Skipped(code=self.code, reason=lack)
        elif trace.task == "regression":
            yield from self._judge_numbers(trace)
        else:
            yield from self._judge_classes(trace)

    def _judge_classes(self, trace: Trace) -> Iterator[Finding | Skipped]:
        wrong, skill = read_metric(trace, "sure_wrong"), read_metric(trace, "oob_skill")
        everywhere = 1 - read_metric(trace, "oob_accuracy")
        samples = round(read_metric(trace, "oob_samples") / 3)
        if samples < 1 or not 0 <= wrong <= 1:
            yield Skipped(code=self.code, reason="no sample was judged")
            return
        low, high = wilson(round(wrong * samples), samples)
        if wrong <= self.wrong:
            return
        text = f"{say(100 * wrong)} % of the labels that similar samples are surest of are others"
        text += f" (95 % interval {say(100 * low)} to {say(100 * high)} %, limit {say(100 * self.wrong)} %)"
        if skill < self.skill:
            yield Skipped(
                code=self.code, reason=f"the labels can hardly be told from the inputs (skill {say(skill)}): wrong or hard"
            )
        elif low <= self.wrong or not wrong >= self.evenness * everywhere:
            yield Skipped(code=self.code, reason=f"{text}: too few, or too close to the border of the classes, to be sure")
        else:
            yield self._find(text, wrong, {"interval": [low, high], "all": everywhere, "samples": samples})

    def _judge_numbers(self, trace: Trace) -> Iterator[Finding | Skipped]:
        wrong, skill = read_metric(trace, "oob_outside"), read_metric(trace, "oob_skill")
        if read_metric(trace, "target_outliers") > 0:
            yield Skipped(code=self.code, reason="outliers among the targets hide it")
        elif wrong > self.wrong and skill >= self.number_skill:
            text = f"{say(100 * wrong)} % of the targets are far from what similar samples have (limit {say(100 * self.wrong)} %)"
            yield self._find(text, wrong, {"interval": None, "all": None, "samples": int(read_metric(trace, "oob_samples"))})
        elif skill < self.number_skill:
            yield Skipped(
                code=self.code, reason=f"the targets can hardly be told from the inputs (skill {say(skill)}): wrong or hard"
            )

    def _find(self, text: str, wrong: float, evidence: dict[str, object]) -> Finding:
        return Finding(
            code=self.code,
            name=self.name,
            severity="warning",
            message=f"{text}; look at the samples with the largest loss, or stop early, smooth labels, take a robust loss",
            evidence={"wrong": wrong if math.isfinite(wrong) else None, **evidence},
        )
