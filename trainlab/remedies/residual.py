"""Residual connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

DEEP = 8  # layers


class Residual:
    """Each layer adds to its input what it computes: the gradient has a way around it. In a deep network first with batch norm.

    Without normalisation what is added up grows with depth, and with it the gradient.
    """

    name: ClassVar[str] = "residual"
    codes: ClassVar[tuple[str, ...]] = ("G001", "G002", "F002", "G007")
    reason: ClassVar[str] = "the gradient has a way around every layer"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if getattr(config.model, "residual", None) is not False:
            return
        norm = getattr(config.model, "norm", None)
        deep = getattr(config.model, "layers", 0) >= DEEP
        if (
            deep
            and norm is not None
            and norm.name == "none"
            and config.model.kind != "transformer"
            and config.train.batch_size != 1
        ):
            yield {"model.residual": True, "model.norm": "batch", "model.init": {"name": "auto"}}
        yield {"model.residual": True}
