"""G008: updates far too large or far too small beside the weights, through most of a training that leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._fit import judge_fit
from trainlab.rules._series import read_weights, say, say_count

MOST = 0.5  # share of the weights, and of the updates


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRatio:
    """The updates are far too large or far too small beside the weights, through most of a training that leads nowhere.

    What it finds:
        Runs in which a typical weight matrix is changed by more than a tenth of itself, or by less than a millionth, in most of
        the measured updates and from the first ones on, and which have learned less than simple predictors do. The change is the
        one that happened, clipping, momentum and Adam's division included. Weights that start at 0 have no ratio, biases are too
        small for one. A network that has converged hardly moves, and rightly so: it did move when it began.

    Why it matters:
        Updates of about a thousandth (log10 of -3) are usual. A weight that turns over every ten updates keeps nothing of what it
        has learned; one that moves by a millionth needs a million updates to become another.

    Evidence:
        `ratio`: norm(change)/norm(weight), median over weights and measured updates. `log10`: of it. `weights`: those beyond the
        limit in most of the updates. `updates`: how many were measured.

    See it:
            trainlab overfit --quick --lr 1e-9 --epochs 20 --select G008

        A typical update changes a weight by `8.29e-9` of itself, and nothing is learned.

    What to try:
        Too large: a lower learning rate, warm-up, clipping by norm. Too small: a higher rate, or Adam, whose steps do not depend
        on the size of the gradient; then see why the gradient is so small beside the weights.

    Sources:
        Bottou 2012 (Stochastic Gradient Descent Tricks); Ben Braiek & Khomh 2023 (TheDeepChecker).

    Attributes:
        high: fires above this ratio; at exactly this, not.
        low: fires below this ratio; at exactly this, not.
        min_updates: fewer do not show what is usual in the run.
    """

    code: ClassVar[str] = "G008"
    name: ClassVar[str] = "update-ratio"
    needs: ClassVar[tuple[str, ...]] = ("update-ratio", "gradient-norm", "accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("D006", "G007", "G002", "G001", "D001", "L001", "L002", "C001", "G004")
    high: float = 0.1
    low: float = 1e-6
    min_updates: int = 10

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        ratios = read_weights(trace, "update-ratio")
        pulled = read_weights(trace, "gradient-norm") > 0  # what has no gradient is dead, not slow
        if pulled.shape != ratios.shape or not (known := np.isfinite(ratios).all(axis=0) & pulled.any(axis=0)).any():
            yield Skipped(code=self.code, reason="no weight above 0 was seen with a gradient")
            return
        chosen, pulled = ratios[:, known], pulled[:, known]
        weights = [parameter.name for parameter in trace.parameters if parameter.is_weight]
        names = [name for name, has in zip(weights, known, strict=True) if has]
        for beyond, word, limit, advice in (
            (chosen > self.high, "more", self.high, "try a lower learning rate, warm-up or clipping by norm"),
            ((chosen < self.low) & pulled, "less", self.low, "try a higher learning rate, or Adam"),
        ):
            usual = (beyond.mean(axis=0) > MOST) & beyond[0]
            if usual.mean() <= MOST:
                continue
            if len(chosen) < self.min_updates:
                few = f"{say_count(len(chosen), 'update')} cannot show what is usual (at least {self.min_updates:g})"
                yield Skipped(code=self.code, reason=few)
                return
            fit, ratio = judge_fit(trace), float(np.median(chosen))
            if fit == "unknown":
                reason = f"updates change a weight by {say(ratio)} of itself, but nothing shows whether training suffers"
                yield Skipped(code=self.code, reason=reason)
            elif fit == "stuck":
                yield Finding(
                    code=self.code,
                    name=self.name,
                    severity="warning",
                    where=names[int(np.argmax(usual))],
                    message=f"most updates change a weight by {word} than {say(limit)} of itself (median {say(ratio)}), "
                    f"and the run has learned next to nothing; {advice}",
                    evidence={
                        "ratio": ratio,
                        "log10": float(np.log10(ratio)) if ratio > 0 else None,
                        "weights": [name for name, held in zip(names, usual, strict=True) if held],
                        "updates": len(chosen),
                    },
                )
            return
