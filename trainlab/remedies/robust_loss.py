"""A loss that outliers cannot rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class RobustLoss:
    """The Huber or the absolute loss in place of the squared one: what lies far off pulls no harder than it must."""

    name: ClassVar[str] = "robust-loss"
    codes: ClassVar[tuple[str, ...]] = ("D005", "G009", "L007")
    reason: ClassVar[str] = "what lies far off pulls with a bounded force"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if config.loss == "mse":
            yield {"loss": "huber"}
            yield {"loss": "l1"}
