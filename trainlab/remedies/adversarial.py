"""Adversarial steps: train on the worst neighbour of each sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.remedies._inputs import find_size, reads_tokens
from trainlab.report import Finding, Patch

LENGTHS = (0.1, 0.3)


class Adversarial:
    """Adversarial training (FGSM): before each update every input moves a step along the sign of its gradient.

    There the loss rises most: it is the worst neighbour of a sample, where input noise takes any. It costs a second backward pass;
    the step is in the units of the inputs.
    """

    name: ClassVar[str] = "adversarial"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "a sample is learned together with the neighbour that the network gets most wrong"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if not config.regularize.adversarial and not reads_tokens(config):
            yield from ({"regularize.adversarial": length * find_size(config)} for length in LENGTHS)
