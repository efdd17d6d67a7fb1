"""Noise on the weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

STRENGTHS = (0.05, 0.02, 0.1)


class WeightNoise:
    """Gaussian noise on the weights at which the gradient is taken, drawn anew at each update.

    It favours wide minima, where a shift of the weights costs little, and such minima tend to hold on new data too.
    """

    name: ClassVar[str] = "weight-noise"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "minima that survive a shift of the weights tend to hold on new data too"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if not config.regularize.weight_noise:
            yield from ({"regularize.weight_noise": strength} for strength in STRENGTHS)
