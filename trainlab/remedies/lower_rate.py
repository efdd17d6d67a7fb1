"""A lower learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

FACTORS = (1 / 10, 1 / 100, 1 / 3, 1 / 1000, 1 / 30, 1 / 300)
SMALL = 1e-3  # updates that change this share of a weight or less are none to shorten


class LowerRate:
    """A lower learning rate: from a third to a thousandth.

    A rate that is too high shows in many ways: a loss that swings, updates as large as the weights, units that are dead after
    one giant step. Each step times the curvature has to stay below 2.
    """

    name: ClassVar[str] = "lower-rate"
    codes: ClassVar[tuple[str, ...]] = ("L001", "L003", "L008", "G008", "L007", "G006", "L004", "G003", "M011", "G002", "F002")
    reason: ClassVar[str] = "a step times the curvature of the loss must stay below 2"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:
        """See `Remedy`."""
        rate = config.optimizer.lr
        if not rate or (finding is not None and finding.code == "G008" and finding.evidence.get("ratio", 1.0) < SMALL):
            return
        for factor in FACTORS:
            yield {"optimizer.lr": float(f"{rate * factor:.3g}")}
