"""The loss that belongs to the targets and the output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class FittingLoss:
    """For classes the loss that applies softmax or sigmoid itself, and no activation before it."""

    name: ClassVar[str] = "fitting-loss"
    codes: ClassVar[tuple[str, ...]] = ("M001", "G005")
    reason: ClassVar[str] = (
        "the loss applies softmax or sigmoid itself, and its gradient does not vanish where the network is wrong"
    )

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:
        """See `Remedy`."""
        output = getattr(config.model, "output", "none")
        task = finding.evidence.get("task") if finding is not None else None
        plain = {} if output == "none" else {"model.output": "none"}
        if config.loss in ("cross_entropy", "bce_logits"):
            if plain:
                yield plain
        elif config.loss == "bce":
            yield {"loss": "bce_logits", **plain}
            if output == "softmax":
                yield {"model.output": "sigmoid"}
        elif task in ("binary", "multiclass"):
            yield {"loss": "bce_logits" if task == "binary" else "cross_entropy", **plain}
