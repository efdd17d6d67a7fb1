"""L1: most weights become exactly 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

STRENGTHS = (0.003, 0.001, 0.01)


class L1:
    """The L1 penalty lambda |w|, as a proximal step after each update: weights become exactly 0, and whole input columns with them.

    Where few of the features matter, it finds them; the report shows the share of weights and of input columns that are 0.
    """

    name: ClassVar[str] = "l1"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "weights that few samples need become exactly 0, and with them the features that carry nothing"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if not config.regularize.l1:
            yield from ({"regularize.l1": strength} for strength in STRENGTHS)
