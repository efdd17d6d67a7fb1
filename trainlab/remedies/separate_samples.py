"""Samples that do not see each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

OVER_ONE = ("Softmax", "LogSoftmax", "Softmin")
RECURRENT = ("RNN", "LSTM", "GRU", "MultiheadAttention")


class SeparateSamples:
    """Batch norm with running statistics, and softmax over the features in place of the batch; or ReLU in place of it.

    Only where the modules are listed in the config. A softmax between two layers makes units share a sum of 1: as an activation it
    lets less through than ReLU.
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
        if mended == modules:
            return
        yield {"model.modules": mended}
        rectified = [
            {"ReLU": []} if place < len(modules) - 1 and any(_mixes(*each) for each in given.items()) else each
            for place, (given, each) in enumerate(zip(modules, mended, strict=True))
        ]
        if rectified != mended:
            yield {"model.modules": rectified}


def _mixes(kind: str, arguments: Any) -> bool:
    """It normalises over the batch."""
    return kind in OVER_ONE and arguments in ([0], {"dim": 0})


def _mend(kind: str, arguments: Any) -> Any:
    """The arguments of a module, without what lets it mix the samples."""
    if kind.startswith("BatchNorm") and isinstance(arguments, dict):
        return {key: value for key, value in arguments.items() if key != "track_running_stats"}
    if _mixes(kind, arguments):
        return [-1]
    if kind in RECURRENT and isinstance(arguments, dict):
        return {**arguments, "batch_first": True}
    return arguments
