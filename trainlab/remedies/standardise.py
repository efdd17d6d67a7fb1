"""Features on one scale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class Standardise:
    """Each feature to mean 0 and variance 1, as measured on the training part.

    With features of very different sizes no rate fits all weights; large ones saturate what they enter.
    """

    name: ClassVar[str] = "standardise"
    codes: ClassVar[tuple[str, ...]] = ("D001", "G004", "L001", "L003", "G003", "G007", "L002")
    reason: ClassVar[str] = "one rate can only fit all weights where the features have one scale"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if getattr(config.data, "standardize", None) is False and not getattr(config.data, "tokens", False):
            yield {"data.standardize": True}
