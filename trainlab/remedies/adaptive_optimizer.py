"""An optimizer whose steps do not hang on the size of the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

RATES = (0.001, 0.01, 0.003)  # the usual one; small recurrent networks and transformers bear more


class AdaptiveOptimizer:
    """Adam at its usual rate: each weight's step has the size of the rate, however small or large its gradient."""

    name: ClassVar[str] = "adaptive-optimizer"
    codes: ClassVar[tuple[str, ...]] = ("L004", "G001", "G008", "L002", "L003", "F002")
    reason: ClassVar[str] = "each weight's step has the size of the rate, however small its gradient"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        if config.optimizer.name in ("sgd", "adagrad"):
            for rate in RATES:
                yield {"optimizer.name": "adam", "optimizer.lr": rate}
