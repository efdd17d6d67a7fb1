"""P003: batch norm that normalises each rank's samples by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from trainlab.report import Finding, Skipped, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNormUnsynced:
    r"""Batch norm takes the mean and the variance of each rank's own samples, and these differ between ranks.

    What it finds:
        The largest mean that a batch norm has taken off on any rank less the smallest, in standard deviations, on average over its
        channels.

    Why it matters:
        Each rank trains the network that its own batch normalises. With few samples a rank these are different networks, the
        gradient is not that of one process on all of them, and the running statistics, kept from the first rank, are those of a
        part of the data. With many samples a rank there is little to see, and less noise than in one small batch.

    Evidence:
        `update`, `spread`, `samples` a rank, `limit`.

    See it:
            trainlab distributed --ranks 2 --norm batch \
                --vs distributed.same_start=false \
                --vs distributed.reduction=sum

    What to try:
        SyncBatchNorm (`distributed.sync_batch_norm`), more samples a rank, or a norm that looks at one sample at a time (layer,
        group). Broadcasting buffers does not mend it: it sends the first rank's statistics, not those of all.

    Sources:
        Ioffe & Szegedy 2015; Goyal et al. 2017, section 3; Wu & Johnson 2021.

    Attributes:
        limit: difference of means between ranks, in standard deviations, above which it fires.
    """

    code: ClassVar[str] = "P003"
    name: ClassVar[str] = "batch-norm-unsynced"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["ranks"]] = "ranks"
    limit: float = 0.25

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding, at the batch norm and the update where the ranks are furthest apart."""
        spread = trace.arrays.get("norm-spread")
        if spread is None:
            yield Skipped(code=self.code, reason="no ranks: only the command distributed starts any")
            return
        if not spread.size or not (spread > self.limit).any():
            return
        row, column = np.unravel_index(int(np.argmax(spread)), spread.shape)
        found = float(spread[row, column])
        update = int(trace.series["samples"].at[row])
        samples = int(trace.series["largest-share"].values[row] / trace.config.train.accumulate)
        where = str(trace.arrays["norms"][column])
        yield Finding(
            code=self.code,
            name=self.name,
            severity="warning",
            where=where,
            message=f"{where} normalises each rank by its own {samples} samples, whose means differ by {found:.2g} standard "
            f"deviations at update {update} (limit {self.limit:g}): SyncBatchNorm, or more samples a rank",
            evidence={"update": update, "spread": found, "samples": samples, "limit": self.limit},
        )
