"""Dropout: hidden values are dropped at random in training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

SHARES = (0.5, 0.2, 0.8)
RECURRENT = ("rnn", "lstm", "gru")


class Dropout:
    """Dropout: in each update a share of the hidden values is 0, drawn anew, and the rest is scaled up by 1/(1 - share).

    No unit can rely on another one being there, so fewer of them learn one sample by heart. It costs epochs: each of them trains a
    part of the network.
    """

    name: ClassVar[str] = "dropout"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "units that cannot rely on each other cannot learn single samples by heart together"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        model = config.model
        between = getattr(model, "layers", 1) > 1 or model.kind not in RECURRENT  # a single recurrent layer has nothing to drop
        if getattr(model, "dropout", None) == 0 and between:
            yield from ({"model.dropout": share} for share in SHARES)
