"""An activation with a slope below 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class LeakyRelu:
    """Leaky ReLU in place of ReLU: a unit whose inputs are all negative still has a gradient, so it can recover.

    It does not make up for a rate that is far too high.
    """

    name: ClassVar[str] = "leaky-relu"
    codes: ClassVar[tuple[str, ...]] = ("G003", "G005", "M007")
    reason: ClassVar[str] = "a unit with a slope below 0 still has a gradient, and can recover"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if getattr(config.model, "activation", None) in ("relu", "relu6") and config.model.kind != "rnn":
            yield {"model.activation": "leaky_relu"}
