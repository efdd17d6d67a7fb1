"""An activation that does not saturate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

SATURATING = ("sigmoid", "tanh", "softsign", "hardtanh", "hardsigmoid", "logsigmoid", "relu6")


class Rectifier:
    """ReLU with the weights that belong to it; then with residual connections, then with batch normalisation beside it.

    The derivative of a sigmoid is at most a quarter: a factor for each layer that the gradient goes through.
    """

    name: ClassVar[str] = "rectifier"
    codes: ClassVar[tuple[str, ...]] = ("G001", "G004", "L002", "F002")
    reason: ClassVar[str] = "its derivative is 1 where a unit is active, so the gradient passes any number of layers"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        model = config.model
        if getattr(model, "activation", None) not in SATURATING:
            return
        whole: dict[str, Any] = {"model.activation": "relu", "model.init": {"name": "auto"}}
        yield whole
        if getattr(model, "residual", None) is False:
            yield {**whole, "model.residual": True}
        norm = getattr(model, "norm", None)
        if model.kind in ("mlp", "cnn", "resnet") and norm is not None and norm.name == "none":
            yield {**whole, "model.norm": "batch"}
