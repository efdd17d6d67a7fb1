"""What the data prescribe to a network."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The shape of what goes in, and of what has to come out.

    Attributes:
        shape: of one sample, as the network sees it: `[feature]`, `[channel, height, width]`, `[step, feature]`, or `[step]` of
            tokens.
        tokens: how many different tokens there are; 0 where the inputs are numbers.
        outputs: numbers that data and loss need a sample, or a step; None if any number will do.
        every_step: the target has a value for every step.
    """

    shape: tuple[int, ...]
    tokens: int = 0
    outputs: int | None = None
    every_step: bool = False

    @property
    def features(self) -> int:
        """Numbers a sample."""
        return math.prod(self.shape)
