"""No activation at the output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class PlainOutput:
    """The last layer as it is: what saturates or cannot be negative cannot reach every target."""

    name: ClassVar[str] = "plain-output"
    codes: ClassVar[tuple[str, ...]] = ("M002", "G005", "G004")
    reason: ClassVar[str] = "an output without an activation reaches every target"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        loss = {"loss": "bce_logits"} if config.loss == "bce" else {}
        if getattr(config.model, "output", "none") != "none":
            yield {"model.output": "none", **loss}
