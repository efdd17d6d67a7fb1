"""L2: weights are pulled towards 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.config.optimizer import is_decoupled
from trainlab.report import Finding, Patch

COUPLED = (0.04, 0.01, 0.1)
PLAIN = (0.003, 0.01, 0.001)  # where the gradient is not divided by its size
DECOUPLED = (1.0, 0.3, 3.0)


class WeightDecay:
    """Weight decay, the L2 penalty (lambda/2) |w|^2: each update pulls every weight towards 0 by a share of its size.

    Small weights let a small change of the input move the output little, and a function that bends less fits less noise. Under Adam
    `weight_decay` is coupled: it is added to the gradient and so divided by its running size, which acts far more strongly than the
    same number under AdamW. Strengths are tried for the optimizer in use.
    """

    name: ClassVar[str] = "weight-decay"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "large weights fit the noise of single samples; a pull towards 0 leaves what many samples agree on"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        optimizer = config.optimizer
        if optimizer.weight_decay:
            return
        for strength in PLAIN if optimizer.name == "sgd" else DECOUPLED if is_decoupled(optimizer) else COUPLED:
            yield {"optimizer.weight_decay": strength}
