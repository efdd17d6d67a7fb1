"""Noise on the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.remedies._inputs import find_size, reads_tokens
from trainlab.report import Finding, Patch

STRENGTHS = (0.3, 0.1, 1.0)


class InputNoise:
    """Gaussian noise on the inputs, drawn anew at each update: the network must answer alike for all that lies around a sample.

    For small noise and a squared error it is a penalty on the slope of the output (Bishop, 1995). The strength is in the units of
    the inputs: scale them first.
    """

    name: ClassVar[str] = "input-noise"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "a sample that never looks the same twice cannot be learned by heart"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if not config.regularize.input_noise and not reads_tokens(config):
            yield from ({"regularize.input_noise": strength * find_size(config)} for strength in STRENGTHS)
