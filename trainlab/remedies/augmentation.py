"""Augmentation: changed copies as cheap samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.remedies._inputs import reads_tokens
from trainlab.report import Finding, Patch

IMAGES = ("digits",)


class Augmentation:
    """Changed copies of the training samples beside them: images shifted by a pixel, other numbers with a little noise.

    What does not matter to the target changes from copy to copy, so the network cannot hold on to it. Each copy costs as much as a
    sample.
    """

    name: ClassVar[str] = "augmentation"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "what changes from copy to copy, as the target does not, cannot be learned by heart"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        made = getattr(config.data, "augment", None)
        if made is None or made.copies or reads_tokens(config):
            return
        if config.data.name in IMAGES:
            yield {"data.augment.copies": 3, "data.augment.shift": 1}
        yield {"data.augment.copies": 1, "data.augment.noise": 0.3}
        yield {"data.augment.copies": 3, "data.augment.noise": 0.3}
