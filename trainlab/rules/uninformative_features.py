"""D008: inputs that carry nothing about the target."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.intervals import newcombe
from trainlab.report import Finding, Severity, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric, say

VECTORS = ("mlp", "layers")
SAMPLES = 2000  # of the test part, that the scores are measured on


@dataclass(frozen=True, slots=True, kw_only=True)
class UninformativeFeatures:
    r"""The inputs carry nothing about the target.

    What it finds:
        Data on which neither this network nor a random forest does better than chance on samples that they have not seen: the
        network is no better on the test part with its own inputs than with those of other samples, and the skill of the forest
        is not significantly above 0 and surely below the limit. An error where the network has learned its training part: then it
        had the means, and all that it learned was by heart. A network for images or sequences that has not may face a task that is
        only hard, and is not judged.

    Why it matters:
        A low training loss is then worth nothing, and no setting of the training will mend the test result.

    Evidence:
        `score`, `shuffled_score`: of the test part with its own inputs and with others'; share right, or R2. `skill`: of the
        forest: 0 is chance, 1 perfect; `error`: its standard error. `learned`: share of the best constant's training loss that is
        gone.

    See it:
            trainlab overfit --quick --epochs 100 --set data.name=random \
                --set data.samples=1000,data.features=20 \
                --set data.classes=2,data.test_fraction=0.2

    What to try:
        Check that rows of inputs and targets belong together: a sort or a join that moved one of the two is the usual cause. Look
        for features that somebody who knows the matter would decide by.

    Sources:
        Zhang et al. 2017; Breiman 2001 (out-of-bag votes, permuted inputs).

    Attributes:
        skill: the forest's must be below this, with two standard errors.
        learned: a training loss lower than the best constant's by this share of it is learned.
        min_updates: before that nothing can have been learned.
    """

    code: ClassVar[str] = "D008"
    name: ClassVar[str] = "uninformative-features"
    needs: ClassVar[tuple[str, ...]] = ("out-of-bag", "input-use", "accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("D006", "D005", "D003")
    skill: float = 0.2
    learned: float = 0.5
    min_updates: int = 20

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        lack = find_lack(trace)
        if not lack and trace.task == "none":
            return
        lack = lack or ("" if trace.sizes.get("test") else "there is no test part")
        lack = lack or find_lack(
            trace, "test_own_score", "test_shuffled_score", "oob_skill", "oob_skill_error", updates=self.min_updates
        )
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        own, other = (read_metric(trace, f"test_{name}_score") for name in ("own", "shuffled"))
        skill, error = (read_metric(trace, name) for name in ("oob_skill", "oob_skill_error"))
        if self._beats(trace, own, other) or skill > 2 * error:
            return
        loss, constant = (read_metric(trace, f"{name}_loss") for name in ("train", "constant"))
        learned = (constant - loss) / abs(constant) if constant else math.nan
        if skill + 2 * error >= self.skill:
            yield Skipped(code=self.code, reason=f"too few samples to be sure (skill {say(skill)}, standard error {say(error)})")
        elif not learned >= self.learned and trace.config.model.kind not in VECTORS:
            yield Skipped(code=self.code, reason="the network has not learned its training part: the task may only be hard")
        else:
            severity: Severity = "error" if learned >= self.learned else "warning"
            yield Finding(
                code=self.code,
                name=self.name,
                severity=severity,
                message=f"the test score is {say(own)}, and {say(other)} with the inputs of other samples; a random forest's skill "
                f"is {say(skill)} (limit {say(self.skill)}, chance 0): the inputs say nothing about the target; "
                "check that inputs and targets belong together",
                evidence={
                    "score": own,
                    "shuffled_score": other,
                    "skill": skill,
                    "error": error,
                    "learned": learned if math.isfinite(learned) else None,
                },
            )

    def _beats(self, trace: Trace, own: float, other: float) -> bool:
        if trace.task == "regression":
            return own > max(other, 0.05)
        samples = min(trace.sizes["test"], SAMPLES)
        return newcombe((round(own * samples), samples), (round(other * samples), samples))[0] > 0
