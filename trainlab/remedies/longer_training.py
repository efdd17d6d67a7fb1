"""More epochs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class LongerTraining:
    """Three times as many epochs, for a loss that still falls at the end. It costs three trainings."""

    name: ClassVar[str] = "longer-training"
    codes: ClassVar[tuple[str, ...]] = ("L002", "F002")
    reason: ClassVar[str] = "a loss that still falls at the end has further to go"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        yield {"train.epochs": 3 * config.train.epochs}
