"""All the samples there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class MoreData:
    """All of the training part, where `data.fraction` keeps some of it back.

    More samples leave less to learn by heart. How much more of them would bring, the learning curve of `trainlab overfit` tells:
    what the second half of the samples brought is what another as many may bring at most.
    """

    name: ClassVar[str] = "more-data"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "the more samples there are, the less of what is learned is their noise"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if getattr(config.data, "fraction", 1.0) < 1:
            yield {"data.fraction": 1.0}
