"""Early stopping: the weights of the best epoch on a validation part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

SHARES = (0.05, 0.025, 0.125)  # of the epochs, to wait for progress
HELD_BACK = 0.2
LEAST = 5  # epochs


class EarlyStopping:
    """Early stopping: training ends when the loss on a validation part has made no progress for some epochs; the best weights stay.

    Where there is no validation part, a fifth of the samples becomes one, taken from the training part: the price of it. Never by
    the test part: what is chosen on it is fitted to it.
    """

    name: ClassVar[str] = "early-stopping"
    codes: ClassVar[tuple[str, ...]] = ("F004", "F001")
    reason: ClassVar[str] = "after its best epoch on held-back samples the network only learns the noise of its own"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        epochs, part = config.train.epochs, getattr(config.data, "validation_fraction", None)
        if config.train.early_stopping.patience is not None or part is None or epochs < LEAST:
            return
        held = {} if part else {"data.validation_fraction": HELD_BACK}
        for patience in dict.fromkeys(max(2, round(share * epochs)) for share in SHARES):
            yield {"train.early_stopping": patience, **held}
