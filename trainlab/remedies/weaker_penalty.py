"""Less of what holds the weights down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

FACTORS = (0.01, 0.1)
UNLIMITED = ("regularize.max_norm",)


class WeakerPenalty:
    """No penalty at all; then a hundredth and a tenth of it.

    Weight decay, L1, dropout, max-norm and noise all keep a network from fitting. Too much of them keeps it from learning.
    """

    name: ClassVar[str] = "weaker-penalty"
    codes: ClassVar[tuple[str, ...]] = ("F003", "F002", "G003", "M007")
    reason: ClassVar[str] = "a penalty that outweighs the loss keeps the network from learning"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        values = {key: value for key, value in _read(config).items() if value}
        if not values:
            return
        yield {key: None if key in UNLIMITED else 0.0 for key in values}
        shares = {key: value for key, value in values.items() if key not in UNLIMITED}
        for factor in FACTORS if shares else ():
            yield {key: float(f"{factor * value:.3g}") for key, value in shares.items()}


def _read(config: Config) -> dict[str, Any]:
    """What holds the weights down, by its key."""
    penalties = ("l1", "max_norm", "input_noise", "weight_noise", "adversarial")
    return {
        "optimizer.weight_decay": config.optimizer.weight_decay,
        **{f"regularize.{name}": getattr(config.regularize, name) for name in penalties},
        **{f"model.{name}": getattr(config.model, name, 0.0) for name in ("dropout", "input_dropout")},
    }
