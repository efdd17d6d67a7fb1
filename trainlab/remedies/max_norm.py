"""Max-norm: no unit's weights grow beyond a length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

LIMITS = (1.0, 0.5, 2.0)


class MaxNorm:
    """Max-norm: after each update the weights into a unit that are longer than the limit are cut back to it.

    The limit holds for each unit (a row of a weight matrix, a filter), not for the whole matrix; biases are left alone. Often used
    with dropout and high rates: whatever a step does, no unit runs away.
    """

    name: ClassVar[str] = "max-norm"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "no unit can grow the large weights that a fit of single samples needs"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if config.regularize.max_norm is None:
            yield from ({"regularize.max_norm": limit} for limit in LIMITS)
