"""Statistics that training and evaluation share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

MOMENTUM = 0.1  # torch's own


class SteadyStatistics:
    """Batch norm whose running statistics keep up; layer norm, which has none; larger batches."""

    name: ClassVar[str] = "steady-statistics"
    codes: ClassVar[tuple[str, ...]] = ("M011",)
    reason: ClassVar[str] = "running statistics that keep up with the weights are those of training"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        norm = getattr(config.model, "norm", None)
        if norm is None or norm.name != "batch":
            return
        if norm.momentum < MOMENTUM:
            yield {"model.norm.momentum": MOMENTUM}
        if config.train.batch_size is not None:
            yield {"train.batch_size": 4 * config.train.batch_size}
        yield {"model.norm": {"name": "layer"}}
