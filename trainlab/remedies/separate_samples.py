"""Samples that do not see each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

OVER_ONE = ("Softmax", "LogSoftmax", "Softmin")
RECURRENT = ("RNN", "LSTM", "GRU", "MultiheadAttention")


class SeparateSamples:
    """Batch norm with running statistics, and softmax over the features in place of the batch.

    Only where the modules are listed in the config.
    """

    name: ClassVar[str] = "separate-samples"
    codes: ClassVar[tuple[str, ...]] = ("M003",)
    reason: ClassVar[str] = "a sample's output must not hang on who else is in the batch"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        modules = getattr(config.model, "modules", None)
        if not isinstance(modules, list):
            return
        mended = [{kind: _mend(kind, arguments) for kind, arguments in each.items()} for each in modules]
        if mended != modules:
            yield {"model.modules": mended}


def _mend(kind: str, arguments: Any) -> Any:
    """The arguments of a module, without what lets it mix the samples."""
    if kind.startswith("BatchNorm") and isinstance(arguments, dict):
        return {key: value for key, value in arguments.items() if key != "track_running_stats"}
    if kind in OVER_ONE and arguments in ([0], {"dim": 0}):
        return [-1]
    if kind in RECURRENT and isinstance(arguments, dict):
        return {**arguments, "batch_first": True}
    return arguments
