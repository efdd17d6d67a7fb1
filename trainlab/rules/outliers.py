"""D005: a few samples far from all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric, say, say_count

ROBUST = ("l1", "huber")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outliers:
    """A few samples lie so far from all others that they outweigh them.

    What it finds:
        Training samples more than five robust standard deviations from the median, in a target or as a whole in their inputs, that
        a gap parts from the rest, so that the long tail of a skewed feature does not count; and that make up more than a third of
        the sum of squares, which is what a squared error, the scale of a feature and the first layer's gradient go by. Under the
        absolute and the Huber loss, targets count by their absolute distance instead.

    Why it matters:
        Under a squared error the gradient of a sample grows with its distance: one that is a hundred times as far pulls a hundred
        times as hard, and the network learns it rather than the others, or is thrown off by one giant step.

    Evidence:
        `of`: `targets` or `inputs`. `samples`: how many outliers. `share`: of the sum they make up. `sample`: number of the
        farthest, in the training part, counted from 0.

    See it:
            trainlab overfit --quick --epochs 50 --set data.outliers=0.02

    What to try:
        Look at these samples: a wrong unit, a missing value written as 9999, a slipped decimal point. Take them out with a reason,
        or limit them; for targets the Huber or absolute loss, or the logarithm of the target; clipping by norm.

    Sources:
        Huber 1964; Rousseeuw & Croux 1993 (median absolute deviation).

    Attributes:
        share: fires above this.
    """

    code: ClassVar[str] = "D005"
    name: ClassVar[str] = "outliers"
    needs: ClassVar[tuple[str, ...]] = ("outliers",)
    causes: ClassVar[tuple[str, ...]] = ("D006",)
    share: float = 0.33

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for targets, and one for inputs."""
        lack = find_lack(trace, finite=False)
        kinds = [kind for kind in ("target", "input") if read_metric(trace, f"{kind}_outliers") >= 0]
        if lack or not kinds:
            yield Skipped(code=self.code, reason=lack or "how far the samples lie from each other was not measured")
            return
        for kind in kinds:
            absolute = kind == "target" and trace.config.loss in ROBUST
            count, sample = (read_metric(trace, name) for name in (f"{kind}_outliers", f"{kind}_outlier"))
            share = read_metric(trace, f"{kind}_outlier_absolute_share" if absolute else f"{kind}_outlier_share")
            if not (count > 0 and share > self.share):
                continue
            what = "absolute distances" if absolute else "squares"
            cure = "try loss=huber or loss=l1" if kind == "target" and not absolute else "limit them or take them out"
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                where=f"{kind}s",
                message=f"{say_count(int(count), 'training sample')} with {kind}s far from all others, number {sample:g} the "
                f"farthest, {'makes' if count == 1 else 'make'} up {say(100 * share)} % of the sum of {what} "
                f"(limit {say(100 * self.share)} %); look at them, then {cure}",
                evidence={"of": f"{kind}s", "samples": int(count), "share": share, "sample": int(sample)},
            )
