"""A higher learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

FACTORS = (10, 100, 3, 1000, 30, 300)
BEYOND = (1, 10, 1 / 10)  # times what the measured steps ask for, where no factor leads there
USUAL = 3e-3  # share of a weight that an update changes
LARGE = 1e-3  # updates that change this share of a weight or more are none to lengthen


class HigherRate:
    """A higher learning rate: from 3 to 1000 times; where the steps are smaller still, one that makes them as long as is usual.

    A run that ends on the slope could have gone further in the same time.
    """

    name: ClassVar[str] = "higher-rate"
    codes: ClassVar[tuple[str, ...]] = ("L002", "G008", "L004", "C001", "F002")
    reason: ClassVar[str] = "a run that stops on the slope gets further with longer steps"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:
        """See `Remedy`."""
        rate = config.optimizer.lr
        ratio = finding.evidence.get("ratio", 0.0) if finding is not None and finding.code == "G008" else 0.0
        if not rate or ratio > LARGE:
            return
        lacking = USUAL / ratio if ratio else 0.0
        for factor in [lacking * each for each in BEYOND] if lacking > max(FACTORS) else FACTORS:
            yield {"optimizer.lr": float(f"{rate * factor:.3g}")}
