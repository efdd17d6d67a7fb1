"""D006: NaN or infinity in the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric, say_count


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFiniteData:
    """The data hold NaN or infinity.

    What it finds:
        Samples whose inputs or targets hold a number that is none, in the training part or in the test part.

    Why it matters:
        One NaN makes the loss of its batch NaN, then every gradient, then every weight: no rate and no clipping helps. In the test
        part it makes the test loss NaN.

    Evidence:
        `part`: `train` or `test`. `inputs`, `targets`: samples that hold such a number. `feature`: number of the first input that
        has one, in the training part, counted from 0; null if none has.

    See it:
            trainlab overfit --quick --epochs 5 --set data.noise=1e39

    What to try:
        Find out why they are missing; fill them in (median, and a feature that says so) or drop these samples. A logarithm of 0 and
        a division by 0 while features are made are the usual source; so is a column without spread that was divided by its spread.

    Sources:
        IEEE 754: float32 ends at 3.4e38.
    """

    code: ClassVar[str] = "D006"
    name: ClassVar[str] = "non-finite-data"
    needs: ClassVar[tuple[str, ...]] = ("finite-data",)
    causes: ClassVar[tuple[str, ...]] = ()

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for each part."""
        lack = find_lack(trace, "train_nonfinite_inputs", "train_nonfinite_targets", finite=False)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        for part in ("train", "test"):
            inputs, targets = (read_metric(trace, f"{part}_nonfinite_{name}") for name in ("inputs", "targets"))
            if not inputs + targets > 0:
                continue
            feature = read_metric(trace, "nonfinite_feature") if part == "train" else math.nan
            found = [say_count(int(count), f"{name}") for count, name in ((inputs, "input"), (targets, "target")) if count]
            place = f", the first in feature {feature:g}" if math.isfinite(feature) else ""
            whole = "a batch" if trace.how == "watched" else f"the {part} part"
            yield Finding(
                code=self.code,
                name=self.name,
                severity="error",
                where=part,
                message=f"{' and '.join(found)} of {whole} hold NaN or infinity{place} (limit 0); fill them in or drop the samples",
                evidence={
                    "part": part,
                    "inputs": int(inputs),
                    "targets": int(targets),
                    "feature": int(feature) if math.isfinite(feature) else None,
                },
            )
