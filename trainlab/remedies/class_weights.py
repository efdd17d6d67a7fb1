"""Samples of a rare class that count for more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

CLASSED = ("bce", "bce_logits", "cross_entropy")


class ClassWeights:
    """Weights in the loss that make all classes count alike, however many samples they have.

    It may cost some accuracy: samples of the common classes are given up for those of the rare one.
    """

    name: ClassVar[str] = "class-weights"
    codes: ClassVar[tuple[str, ...]] = ("D004",)
    reason: ClassVar[str] = "the loss is a mean over samples, so that to neglect a rare class costs next to nothing"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:
        """See `Remedy`."""
        knows_classes = config.loss in CLASSED or (finding is not None and config.loss not in ("sum", "python"))
        if getattr(config.data, "class_weights", "none there") is None and isinstance(config.loss, str) and knows_classes:
            yield {"data.class_weights": "balanced"}
