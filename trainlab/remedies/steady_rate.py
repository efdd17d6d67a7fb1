"""The learning rate stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class SteadyRate:
    """The rate without its schedule: no jump, no early end of the steps.

    A schedule that raises the rate in mid-training throws away what was learned; one that falls too early stops on the slope.
    """

    name: ClassVar[str] = "steady-rate"
    codes: ClassVar[tuple[str, ...]] = ("L007", "L002", "L001")
    reason: ClassVar[str] = "a rate that jumps throws away what was learned, one that falls too early stops on the slope"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if config.schedule.name != "constant":
            yield {"schedule": {"name": "constant"}}
