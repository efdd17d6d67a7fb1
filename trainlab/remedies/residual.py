"""Residual connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class Residual:
    """Each layer adds to its input what it computes, so that the gradient has a way around it."""

    name: ClassVar[str] = "residual"
    codes: ClassVar[tuple[str, ...]] = ("G001", "G002", "F002")
    reason: ClassVar[str] = "the gradient has a way around every layer"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if getattr(config.model, "residual", None) is False:
            yield {"model.residual": True}
