"""P001: ranks whose weights are not the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from trainlab.report import Finding, Skipped, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class RanksDisagree:
    r"""After an update the ranks have different weights.

    What it finds:
        The largest difference between the ranks' weights after any update, in float64, relative to the largest weight of the
        parameter.

    Why it matters:
        Ranks that share every gradient and began alike have the same weights to the last bit. Where they have not, each trains a
        network of its own on gradients of the others, and the one that is saved is not the one that was measured.

    Evidence:
        `update`, `spread`, `limit`.

    See it:
            trainlab distributed --ranks 2 --norm batch \
                --vs distributed.same_start=false \
                --vs distributed.reduction=sum

    What to try:
        Send the weights of the first rank to all before the first update, as DistributedDataParallel does; seed the
        initialisation alike on every rank. Step on every rank, with the same optimizer settings and the same averaged gradient.

    Sources:
        Li et al. 2020 (PyTorch Distributed).

    Attributes:
        limit: difference between ranks, relative to the largest weight of the parameter, above which it fires.
    """

    code: ClassVar[str] = "P001"
    name: ClassVar[str] = "ranks-disagree"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["ranks"]] = "ranks"
    limit: float = 1e-6

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding, at the first update after which it is so."""
        series = trace.series.get("rank-spread-float64")
        if series is None or not len(series.at):
            yield Skipped(code=self.code, reason="no ranks: only the command distributed starts any")
            return
        apart = series.values > self.limit
        if not apart.any():
            return
        row = int(apart.any(axis=1).argmax())
        column = int(np.argmax(series.values[row]))
        update, spread, where = int(series.at[row]), float(series.values[row, column]), trace.parameters[column].name
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error",
            where=where,
            message=f"after update {update} the ranks' weights differ by {spread:.3g} of the largest of {where} "
            f"(limit {self.limit:g}): send the first rank's weights to all before the first update",
            evidence={"update": update, "spread": spread, "limit": self.limit},
        )
