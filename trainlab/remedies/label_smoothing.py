"""Label smoothing: nobody is quite sure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

SHARES = (0.1, 0.3)
LOSSES = ("bce", "bce_logits", "cross_entropy")


class LabelSmoothing:
    """Label smoothing: a share of each target is spread evenly over the classes, so that no output is pushed to certainty.

    It keeps the network from growing ever surer of what it has already learned; single wrong labels weigh less.
    """

    name: ClassVar[str] = "label-smoothing"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "once a sample is right, nothing is gained by growing surer of it"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if not config.regularize.label_smoothing and config.loss in LOSSES:
            yield from ({"regularize.label_smoothing": share} for share in SHARES)
