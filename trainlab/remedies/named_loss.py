"""The loss of torch's by its own name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.config.loss import PythonLoss
from trainlab.report import Finding, Patch

NAMES = {
    "mse_loss": "mse",
    "l1_loss": "l1",
    "huber_loss": "huber",
    "smooth_l1_loss": "huber",
    "binary_cross_entropy": "bce",
    "binary_cross_entropy_with_logits": "bce_logits",
    "MSELoss": "mse",
    "L1Loss": "l1",
    "HuberLoss": "huber",
    "SmoothL1Loss": "huber",
    "BCELoss": "bce",
    "BCEWithLogitsLoss": "bce_logits",
}
"""What the functions and classes of torch are called in a config, as long as they get no arguments."""


class NamedLoss:
    """The same loss by the name that a config has for it: prediction and target then come in one shape."""

    name: ClassVar[str] = "named-loss"
    codes: ClassVar[tuple[str, ...]] = ("M008",)
    reason: ClassVar[str] = "each prediction is compared with its own target, and not with those of all samples"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        loss = config.loss
        if not isinstance(loss, PythonLoss) or loss.args:
            return
        module, _, name = loss.target.partition(":")
        if module in ("torch.nn", "torch.nn.functional") and name in NAMES:
            yield {"loss": NAMES[name]}
