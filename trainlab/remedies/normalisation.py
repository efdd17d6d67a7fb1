"""Normalisation inside the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class Normalisation:
    """Batch or layer normalisation: the scale of the signal is set anew in every layer."""

    name: ClassVar[str] = "normalisation"
    codes: ClassVar[tuple[str, ...]] = ("G002", "G001", "G004", "G007", "G003", "G006", "L001")
    reason: ClassVar[str] = "the scale of the signal is set anew in every layer"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        norm = getattr(config.model, "norm", None)
        if norm is None or norm.name != "none":
            return
        if config.model.kind != "transformer" and config.train.batch_size != 1:
            yield {"model.norm": "batch"}
        yield {"model.norm": "layer"}
