"""P002: gradients of ranks that are put together in the wrong way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from trainlab.report import Finding, Skipped, Trace

LARGE = 0.1  # of the gradient: an error; less is a warning
SAME = 0.01  # relative: a factor that is a whole number
OUTWEIGHS = 2.0  # how many times as far off the gradient must be as the right combination of the same parts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReductionMismatch:
    r"""The ranks' gradients are right, and put together in the wrong way.

    What it finds:
        Updates whose gradient, in float64, is not that of one process on the same samples, while the ranks' own gradients, averaged
        over all samples, come at least twice as close: summed where the loss is a mean, over ranks or over accumulated batches;
        averaged where the loss adds up; or shares of different size that count alike.

    Why it matters:
        A sum over N ranks is a learning rate N times as high that nobody has set. A mean of means over uneven shares follows the
        samples of the small share more than the others; it is not the gradient of any loss over the data.

    Evidence:
        `update`, `difference`, `factor` (length along the right gradient), `combined` (the difference that is left in the right
        combination), `smallest` and `largest` share, `limit`.

    See it:
            trainlab distributed --ranks 2 --norm batch \
                --vs distributed.same_start=false \
                --vs distributed.reduction=sum

    What to try:
        Divide by the number of ranks, and by the number of accumulated batches. For uneven shares weigh each rank's loss by its
        number of samples, or deal out equal shares (`drop_last`).

    Sources:
        Li et al. 2020 (PyTorch Distributed); Goyal et al. 2017, section 3.

    Attributes:
        limit: difference from the gradient of one process, as a share of its length, above which it fires.
    """

    code: ClassVar[str] = "P002"
    name: ClassVar[str] = "reduction-mismatch"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ("P001",)
    scope: ClassVar[Literal["ranks"]] = "ranks"
    limit: float = 1e-6

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding, at the update that is furthest off."""
        series = trace.series.get("gradient-difference-float64")
        if series is None or not len(series.at):
            yield Skipped(code=self.code, reason="no ranks: only the command distributed starts any")
            return
        differences = trace.series["gradient-error-float64"].values
        combined = trace.series["combined-error-float64"].values
        wrong = (differences > self.limit) & (differences >= OUTWEIGHS * combined)
        if not wrong.any():
            return
        row = int(np.argmax(np.where(wrong, differences, -np.inf)))
        difference = float(differences[row])
        factor, smallest, largest = (
            float(trace.series[name].values[row]) for name in ("gradient-factor-float64", "smallest-share", "largest-share")
        )
        ranks, batches = trace.config.distributed.ranks, trace.config.train.accumulate
        update = int(series.at[row])
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error" if difference > LARGE else "warning",
            where=trace.parameters[int(np.argmax(series.values[row]))].name,
            message=f"at update {update} the gradient is {_say(factor, ranks, batches, smallest, largest, difference)} "
            f"(limit {self.limit:g})",
            evidence={
                "update": update,
                "difference": difference,
                "factor": factor,
                "combined": float(combined[row]),
                "smallest": smallest,
                "largest": largest,
                "limit": self.limit,
            },
        )


def _say(factor: float, ranks: int, batches: int, smallest: float, largest: float, difference: float) -> str:
    off = f"off by {100 * difference:.3g} %"
    for count, what in ((ranks, "ranks"), (batches, "batches"), (ranks * batches, "batches of all ranks")):
        if count > 1 and abs(factor / count - 1) < SAME:
            return f"{factor:.3g} times that of one process: summed over {count} {what} where the loss is a mean; divide by {count}"
        if count > 1 and abs(factor * count - 1) < SAME:
            return f"1/{count} of that of one process: averaged over {count} {what} where the loss adds up; multiply by {count}"
    if smallest < largest:
        return f"{off}: shares of {smallest:g} and of {largest:g} samples count alike; weigh each by its samples"
    return f"{off}, {factor:.3g} times as long: the ranks' own gradients are right, and put together in the wrong way"
