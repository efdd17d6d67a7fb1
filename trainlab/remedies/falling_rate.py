"""A learning rate that falls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

LEAST = 5  # epochs that can be divided into long and short steps


class FallingRate:
    """The rate falls along half a cosine, or rises first, or both: long steps while they pay, short ones at the end.

    What swings at the end of a training comes to rest with shorter steps; what fails at its start may survive a warm-up.
    """

    name: ClassVar[str] = "falling-rate"
    codes: ClassVar[tuple[str, ...]] = ("L001", "L007", "M011", "L003", "L008", "L004")
    reason: ClassVar[str] = "long steps while they pay, short ones at the end"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if config.schedule.name != "constant" or config.train.epochs < LEAST:
            return
        yield {"schedule": {"name": "cosine"}}
        if not config.schedule.warmup:
            yield {"schedule": {"name": "cosine", "warmup": max(1, config.train.epochs // 10), "warmup_per": "epoch"}}
