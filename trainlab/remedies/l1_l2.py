"""L1 and L2 together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

STRENGTHS = ((0.001, 0.01), (0.003, 0.03))  # of L1, of weight decay


class L1L2:
    """Both penalties at once, the elastic net: L1 drops what carries nothing, L2 shrinks what is left.

    Of features that say the same, L1 alone keeps one by chance; with L2 beside it they share the weight.
    """

    name: ClassVar[str] = "l1-l2"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "L1 drops the features that carry nothing, L2 spreads the weight over those that say the same"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if config.regularize.l1 or config.optimizer.weight_decay:
            return
        for l1, decay in STRENGTHS:
            yield {"regularize.l1": l1, "optimizer.weight_decay": decay}
