"""C001: most updates are clipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._clipping import read_clipped
from trainlab.rules._series import say, say_count


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippingTooMuch:
    """Most updates are clipped.

    What it finds:
        Runs in which the clipping threshold was below the gradient in more than half of the updates. An update counts if the
        gradient used is shorter than the raw one, or points elsewhere, beyond rounding.

    Why it matters:
        Clipping is a guard against rare giant gradients. When it acts all the time, it is the threshold and no longer the
        gradient that sets the length of the steps: the run crawls, or hides a learning rate that would be too high without it.

    Evidence:
        `share`: clipped updates of all. `clipped`, `updates`: their numbers. `threshold`: the one set. `median_norm`: the
        typical length of the raw gradient, to compare the threshold with.

    See it:
            trainlab clip --set clip.threshold=1

        `100` % of the updates are clipped: the typical gradient is `30.1` long.

    What to try:
        Lower the learning rate instead (Google's tuning playbook gives the same limit); if the loss then falls steadily, set
        the threshold near the 90th percentile of the raw norms, or leave clipping out.

    Sources:
        Google's Deep Learning Tuning Playbook (2023); Pascanu, Mikolov & Bengio 2013.

    Attributes:
        share: fires above this share of clipped updates; at exactly this, not.
        min_updates: fewer say nothing about a rate.
    """

    code: ClassVar[str] = "C001"
    name: ClassVar[str] = "clipping-too-much"
    needs: ClassVar[tuple[str, ...]] = ("total-norm", "used-norm", "clip-angle")
    causes: ClassVar[tuple[str, ...]] = ("C004", "D005", "D001", "G007", "G002", "G009", "L001")
    share: float = 0.5
    min_updates: int = 10

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where clipping is off."""
        clip = trace.config.clip
        if clip.mode == "none":
            return
        clipped = read_clipped(trace)
        updates, count = len(clipped.cut), int(clipped.cut.sum())
        if updates < self.min_updates:
            yield Skipped(
                code=self.code,
                reason=f"{say_count(updates, 'update')} cannot show how often it acts (at least {self.min_updates:g})",
            )
        elif count > self.share * updates:
            median = float(np.median(clipped.total))
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                message=f"{count / updates:.0%} of {updates} updates were clipped (limit {self.share:.0%}): "
                f"the typical gradient norm is {say(median)}, the threshold {say(clip.threshold)} by {clip.mode}; "
                "lower the learning rate instead",
                evidence={
                    "share": count / updates,
                    "clipped": count,
                    "updates": updates,
                    "threshold": clip.threshold,
                    "median_norm": median,
                },
            )
