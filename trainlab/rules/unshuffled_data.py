"""D002: batches that each show one kind of sample only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Severity, Skipped, Trace
from trainlab.rules._lack import find_lack, find_share
from trainlab.rules._series import read_metric, say


@dataclass(frozen=True, slots=True, kw_only=True)
class UnshuffledData:
    r"""The batches come unshuffled from samples that are sorted, so that each shows one kind only.

    What it finds:
        Runs with `train.shuffle: false` and mini-batches whose targets differ from batch to batch by far more than chance would
        have it: more than half of the variance of the targets lies between the batches, on a scale on which shuffled samples
        have 0. Samples stored in a random order are no fault, nor is the full batch, or one gathered from several
        (`train.accumulate`) that holds every sample.

    Why it matters:
        Each update pulls the network towards the class, or the range, of its batch, and away from what the batches before taught.
        The last batches of an epoch win; batch norm keeps the statistics of the last kind only.

    Evidence:
        `purity`: share of the variance between batches, corrected for chance: 1 if every batch has one class. `share`: (constant -
        network)/(constant - linear), of training losses; null where not defined.

    See it:
            trainlab overfit --quick --epochs 20 --batch-size 10 \
                --set data.name=iris,data.folds=5,train.shuffle=false \
                --set loss=cross_entropy,model.output=none

    What to try:
        `train.shuffle: true`, or shuffle the samples once before the training.

    Sources:
        Bengio 2012 (practical recommendations).

    Attributes:
        purity: fires above this.
        share: an error where less than this is kept of what a linear model gains over the best constant.
        signal: a linear model that lowers the constant's loss by less than this share of it is no yardstick.
    """

    code: ClassVar[str] = "D002"
    name: ClassVar[str] = "unshuffled-data"
    needs: ClassVar[tuple[str, ...]] = ("batch-order", "accuracy", "baselines")
    causes: ClassVar[tuple[str, ...]] = ()
    purity: float = 0.5
    share: float = 0.5
    signal: float = 0.05

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where it is shuffled."""
        train = trace.config.train
        lack = find_lack(trace, finite=False)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        samples = trace.sizes.get("train", 0)
        if train.shuffle or train.batch_size is None or train.batch_size * train.accumulate >= samples or trace.task == "none":
            return
        found, chance = (read_metric(trace, name) for name in ("batch_purity", "batch_purity_shuffled"))
        watched = trace.how == "watched"
        if not chance < 1:
            unknown = "the loss compares no classes, or the batches seen showed one only" if watched else ""
            reason = "batches of one sample" if chance == 1 else unknown or "how the batches differ was not measured"
            yield Skipped(code=self.code, reason=reason)
            return
        purity = (found - chance) / (1 - chance)
        share = find_share(trace, self.signal)
        if purity > self.purity:
            severity: Severity = "error" if trace.nonfinite or share < self.share else "warning"
            yield Finding(
                code=self.code,
                name=self.name,
                severity=severity,
                message=f"{say(100 * purity)} % of the variance of the targets lies between unshuffled batches "
                f"(limit {say(100 * self.purity)} %): each batch shows one kind of sample; "
                f"{'shuffle the samples, as with shuffle=True in a DataLoader' if watched else 'try train.shuffle=true'}",
                evidence={"purity": purity, "share": share if math.isfinite(share) else None},
            )
