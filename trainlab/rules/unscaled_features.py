"""D001: features on scales so different, or so far from 1, that the training suffers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Severity, Skipped, Trace
from trainlab.rules._lack import find_lack, find_share
from trainlab.rules._series import read_metric, say


@dataclass(frozen=True, slots=True, kw_only=True)
class UnscaledFeatures:
    r"""The features are on scales so different, or so far from 1, that the training suffers.

    What it finds:
        Runs whose inputs have a feature more than ten times as large as the median spread of all, or whose largest feature is
        above 30 or below 0.1, and that do worse for it: they keep less than four fifths of what a linear model on scaled features
        gains over the best constant, or are less often right than it is. A run that left the finite numbers is judged under plain
        SGD: if rate times squared size of a sample exceeds 2, and would not with features of size 1. Features that are unscaled
        and do no harm are not reported; nor are those that `model.input_norm` scales.

    Why it matters:
        One rate must serve all weights. The gradient of a weight grows with its feature, the curvature with the square: the
        largest feature dictates a rate at which the others learn next to nothing.

    Evidence:
        `level`: root mean square of the largest feature; `feature`: its number. `spread`: that over the median standard deviation
        of the features. `share`: (constant - network)/(constant - linear), of training losses. `accuracy`, `linear_accuracy`: in
        training. null where not defined.

    See it:
            trainlab overfit --quick --epochs 50 \
                --set data.name=wine,loss=cross_entropy,model.output=none

    What to try:
        `data.standardize: true`, or divide by a number that you know (255 for pixels); the logarithm of what spans several orders
        of magnitude; `model.input_norm: batch`. An adaptive optimizer hides the fault more than it mends it.

    Sources:
        LeCun, Bottou, Orr & Muller 1998 (efficient backprop).

    Attributes:
        spread: fires above this.
        large: or if the largest feature is above this.
        small: or below this.
        share: and less than this is kept of what a linear model gains.
        accuracy: or the network is right less often than the linear model by more than this.
        signal: a linear model that lowers the constant's loss by less than this share of it is no yardstick.
        min_updates: before that nothing can have been learned.
    """

    code: ClassVar[str] = "D001"
    name: ClassVar[str] = "unscaled-features"
    needs: ClassVar[tuple[str, ...]] = ("features", "accuracy", "baselines", "outputs")
    causes: ClassVar[tuple[str, ...]] = ("D006", "D005")
    spread: float = 10.0
    large: float = 30.0
    small: float = 0.1
    share: float = 0.8
    accuracy: float = 0.02
    signal: float = 0.05
    min_updates: int = 20

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        level, spread = (read_metric(trace, f"feature_{name}") for name in ("level", "spread"))
        lack = find_lack(trace, "feature_level", "feature_spread", finite=False)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        scaled = getattr(getattr(trace.config.model, "input_norm", None), "name", "none") != "none"
        if scaled or (spread <= self.spread and self.small <= level <= self.large):
            return
        share, accuracy, linear = find_share(trace, self.signal), *(self._read(trace, name) for name in ("train", "linear"))
        if trace.nonfinite:
            harm = self._explain_divergence(trace)
            lack = "" if harm else "the run left the finite numbers, and not evidently because of its features"
        else:
            harm = self._explain_harm(share, accuracy, linear)
            known = math.isfinite(share) or math.isfinite(accuracy - linear)
            lack = find_lack(trace, updates=self.min_updates)
            lack = lack or ("" if known else "there is no linear model to compare with")
            blocked = read_metric(trace, "reachable_loss") > self.signal * read_metric(trace, "constant_loss")
            lack = lack or ("the last activation cannot reach the targets, which hides what the features do" if blocked else "")
        if lack:
            yield Skipped(code=self.code, reason=lack)
        elif harm:
            severity: Severity = "error" if trace.nonfinite or share < 0.2 else "warning"
            yield Finding(
                code=self.code,
                name=self.name,
                severity=severity,
                where=f"feature {read_metric(trace, 'feature_largest'):g}",
                message=f"the largest feature has the size {say(level)} (limits {say(self.small)} and {say(self.large)}), "
                f"{say(spread)} times the spread of a typical one (limit {say(self.spread)}), and {harm}; "
                f"{'bring them to mean 0 and variance 1' if trace.how == 'watched' else 'try data.standardize=true'}",
                evidence={
                    "level": level,
                    "spread": spread,
                    "feature": int(read_metric(trace, "feature_largest")),
                    "share": share if math.isfinite(share) else None,
                    "accuracy": accuracy if math.isfinite(accuracy) else None,
                    "linear_accuracy": linear if math.isfinite(linear) else None,
                },
            )

    @staticmethod
    def _read(trace: Trace, name: str) -> float:
        return read_metric(trace, f"{name}_accuracy")

    def _explain_harm(self, share: float, accuracy: float, linear: float) -> str:
        if share < self.share:
            return f"the network keeps {say(share)} of what a linear model on scaled features gains (limit {say(self.share)})"
        if linear - accuracy > self.accuracy:
            return f"the network is right in {say(accuracy)} of the cases, a linear model on scaled features in {say(linear)}"
        return ""

    def _explain_divergence(self, trace: Trace) -> str:
        if trace.config.optimizer.name != "sgd":
            return ""
        power, count = (read_metric(trace, f"feature_{name}") for name in ("power", "count"))
        step = trace.config.optimizer.lr * power
        if not (step > 2 >= trace.config.optimizer.lr * count):
            return ""
        return (
            f"the run left the finite numbers: rate times squared size of a sample is {say(step)} (a linear model diverges above 2)"
        )
