"""G009: one sample carries most of the gradient of its batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import say, say_count

ALIKE = 1.05  # times: norms that lie closer together are no measure of what is far out


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierGradient:
    """One sample carries most of the gradient of its batch.

    What it finds:
        Training data in which a single sample pulls harder than all others of its batch together: the norm of its own gradient,
        at the initial weights, is more than half of the sum of the norms in a typical batch that holds it, and many times the
        median. Before the training the gradients of sound data are of like size; later a network that has learned leaves most of
        the gradient to its few hard samples, and that is as it should be, so it is not looked at. Half of a handful is no wonder:
        small batches are not judged. Nor are networks in which nearly all samples pull alike: their units are dead to the inputs,
        and the one sample that wakes some is no outlier.

    Why it matters:
        A squared error grows with the square of an outlier. One target of 1000 among hundreds near 3 decides where the whole
        network goes, and each batch that holds it undoes what the others have done.

    Evidence:
        `share`: of the largest gradient norm in the sum over its batch. `sample`: its position in the training part. `norm`: the
        largest; `median`: of all. `samples`: how many were looked at. `batch`: samples a batch.

    See it:
            trainlab clip --set data.outliers=0.01 --layers 2

        One target far out among `100`: its gradient is `83`% of the sum over the batch.

    What to try:
        Look at that sample: a typing error, another unit, a missing value coded as 9999. If it is real: the Huber or L1 loss,
        targets on a log scale, scaled inputs, clipping by norm.

    Sources:
        Huber 1964; Katharopoulos & Fleuret 2018 (Not All Samples Are Created Equal).

    Attributes:
        share: fires above this share of a batch's gradient; at exactly this, not.
        times: and only from this multiple of the median on.
        min_batch: smaller batches are not judged.
    """

    code: ClassVar[str] = "G009"
    name: ClassVar[str] = "outlier-gradient"
    needs: ClassVar[tuple[str, ...]] = ("sample-gradients",)
    causes: ClassVar[tuple[str, ...]] = ("D006", "D005", "D001")
    share: float = 0.5
    times: float = 30.0
    min_batch: int = 8

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        norms = np.asarray(trace.arrays.get("initial-sample-norms", ()), dtype=float)
        if norms.ndim != 1 or not len(norms):
            yield Skipped(code=self.code, reason="the gradients of single samples were not measured")
            return
        train = trace.sizes.get("train", len(norms))
        batch = min(trace.config.train.batch_size or train, train)
        if batch < self.min_batch:
            yield Skipped(
                code=self.code,
                reason=f"in a batch of {say_count(batch, 'sample')} one may well carry most (at least {self.min_batch:g})",
            )
            return
        if not np.isfinite(norms).all():
            yield Skipped(code=self.code, reason="the gradients of single samples left the finite numbers")
            return
        low, high = np.percentile(norms, [10, 90])
        if high <= ALIKE * low:
            yield Skipped(code=self.code, reason="nearly all samples pull alike, as if nothing of their inputs got through")
            return
        at = int(np.argmax(norms))
        largest, median, others = float(norms[at]), float(np.median(norms)), float(np.delete(norms, at).mean())
        share = largest / (largest + (batch - 1) * others) if largest > 0 else 0.0
        if share <= self.share or largest < self.times * median:
            return
        place = at * (train - 1) // (len(norms) - 1)
        yield Finding(
            code=self.code,
            name=self.name,
            severity="warning",
            message=f"sample {place} of the training part carries {share:.0%} of the gradient of its batch of {batch} "
            f"(limit {self.share:.0%}): its norm is {say(largest)}, the median {say(median)}; look at it, or try the Huber loss, "
            "scaled targets or clipping by norm",
            evidence={
                "share": share,
                "sample": place,
                "norm": largest,
                "median": median,
                "samples": len(norms),
                "batch": batch,
            },
        )
