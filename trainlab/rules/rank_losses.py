"""P006: what the losses of the ranks tell of the batches that they are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._ranks import ALONE, judge_models
from trainlab.rules._series import say, say_count


@dataclass(frozen=True, slots=True, kw_only=True)
class RankLosses:
    """The ranks are given the same batches, or one of them others than the rest.

    What it finds:
        Ranks whose losses are the same numbers at every update: they read the same samples. And a rank whose typical loss is far
        above or below that of all others together: its share of the data is of another kind, or wrong.

    Why it matters:
        Ranks that read the same batches do the work of one, and an epoch takes as long as without them. A rank with data of
        another kind pulls the average of the gradients its way; without shuffling each rank may hold one class.

    Evidence:
        `losses`: the median of each rank. `updates`: that were compared. `same`: whether they are the same numbers.

    See it:
            torchrun --nproc-per-node 2 -m trainlab watch train.py

    What to try:
        A `DistributedSampler` in the DataLoader of every rank, with `sampler.set_epoch(epoch)` at each epoch, which shuffles before
        it shares out; other random seeds for each rank where samples are drawn.

    Sources:
        The PyTorch documentation (torch.utils.data.distributed.DistributedSampler).

    Attributes:
        factor: a loss so many times larger or smaller than that of the others is far,
        share: where the difference is also more than this share of the loss at the start.
        min_updates: fewer say nothing.
    """

    code: ClassVar[str] = "P006"
    name: ClassVar[str] = "rank-losses"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ("P005",)
    scope: ClassVar[Literal["script"]] = "script"
    factor: float = 3.0
    share: float = 0.2
    min_updates: int = 10

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:  # noqa: ARG002  # one signature for all rules
        """One process is no job of several."""
        yield Skipped(code=self.code, reason=ALONE)

    def judge_study(self, traces: Sequence[Trace]) -> Iterator[Finding | Skipped]:
        """One finding for each model."""
        return judge_models(self.code, traces, self._judge_model, parts=True)

    def _judge_model(self, model: dict[int, Trace]) -> Iterator[Finding | Skipped]:
        losses = {rank: trace.series["loss"].values for rank, trace in model.items()}
        first = next(iter(model.values()))
        updates = min(trace.updates for trace in model.values())
        if updates < self.min_updates or not all(len(each) and np.isfinite(each).all() for each in losses.values()):
            few = f"{say_count(updates, 'update')} say nothing about its batches (at least {self.min_updates:g})"
            reason = few if updates < self.min_updates else "not every rank has a loss that is finite throughout"
            yield Skipped(code=self.code, reason=reason)
            return
        medians = {rank: float(np.median(each)) for rank, each in losses.items()}
        evidence = {"losses": {str(rank): median for rank, median in medians.items()}, "updates": updates}
        series = list(losses.values())
        if all(np.array_equal(series[0], each) for each in series[1:]) and np.ptp(series[0]) > 0:
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                run=first.name,
                message=f"the losses of all {len(model)} ranks are the same numbers over {updates} updates, so they read the same "
                "samples; give each its share, with a DistributedSampler",
                evidence={**evidence, "same": True},
            )
            return
        start = max(abs(float(each[0])) for each in series)
        for rank, median in medians.items():
            others = float(np.median([each for other, each in medians.items() if other != rank]))
            low, high = sorted((median, others))
            far = low > 0 and high > self.factor * low and high - low > self.share * start
            if far and (len(medians) > 2 or median == high):
                yield Finding(
                    code=self.code,
                    name=self.name,
                    severity="warning",
                    run=model[rank].name,
                    message=f"the loss of rank {rank} is {say(median)}, that of the others {say(others)} "
                    f"(limit {say(self.factor)} times): its samples are of another kind; shuffle before they are shared out",
                    evidence={**evidence, "same": False},
                )
                return
