"""A new order each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class Shuffle:
    """Batches drawn anew each epoch: the network cannot learn the order of its samples, and no batch is all of one class.

    Only where there are batches: the full batch has no order.
    """

    name: ClassVar[str] = "shuffle"
    codes: ClassVar[tuple[str, ...]] = ("D002", "F001")
    reason: ClassVar[str] = "an order that never changes is learned along with the samples"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if config.train.batch_size is not None and not config.train.shuffle:
            yield {"train.shuffle": True}
