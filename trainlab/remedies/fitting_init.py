"""Initial weights that belong to the activation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class FittingInit:
    """Initial weights of the scale that belongs to the activation (Glorot or He), biases of 0; or torch's own, which are smaller.

    Too large or too small, they change the signal by a factor a layer; all alike, units never become different; with biases far
    below 0, ReLU is dead from the start.
    """

    name: ClassVar[str] = "fitting-init"
    codes: ClassVar[tuple[str, ...]] = (
        "G007",
        "G003",
        "G005",
        "G006",
        "G004",
        "G002",
        "G001",
        "M007",
        "L008",
        "L003",
        "L001",
        "L002",
    )
    reason: ClassVar[str] = "weights whose scale fits the activation keep the signal from layer to layer"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        init = getattr(config.model, "init", None)
        if init is None or (init.name == "auto" and init.bias is None):
            return
        recurrent = getattr(config.model, "recurrent_init", None)
        beside = {} if recurrent is None or recurrent.name == "default" else {"model.recurrent_init": {"name": "orthogonal"}}
        yield {"model.init": {"name": "auto"}, **beside}
        if init.name != "default" or init.bias is not None or beside:
            yield {"model.init": {"name": "default"}, **beside}
