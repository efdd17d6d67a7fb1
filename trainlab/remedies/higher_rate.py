"""A higher learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

FACTORS = (10, 100, 3, 1000, 30, 300)
LARGE = 1e-3  # updates that change this share of a weight or more are none to lengthen


class HigherRate:
    """A higher learning rate: from 3 to 1000 times.

    A run that ends on the slope could have gone further in the same time.
    """

    name: ClassVar[str] = "higher-rate"
    codes: ClassVar[tuple[str, ...]] = ("L002", "G008", "L004", "C001", "F002")
    reason: ClassVar[str] = "a run that stops on the slope gets further with longer steps"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:
        """See `Remedy`."""
        rate = config.optimizer.lr
        if finding is not None and finding.code == "G008" and finding.evidence.get("ratio", 0.0) > LARGE:
            return
        for factor in FACTORS if rate else ():
            yield {"optimizer.lr": float(f"{rate * factor:.3g}")}
