"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class BatchNorm:
    """Batch normalisation: each feature inside the network to mean 0 and variance 1 over the batch.

    What a sample becomes depends on who is in its batch, which works like augmentation. With small batches the statistics are
    noise; on the full batch little of that effect is left.
    """

    name: ClassVar[str] = "batch-norm"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "the statistics of a batch shake each sample a little, as augmentation would"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        norm = getattr(config.model, "norm", None)
        if norm is not None and norm.name == "none" and config.train.batch_size != 1:
            yield {"model.norm": "batch"}
