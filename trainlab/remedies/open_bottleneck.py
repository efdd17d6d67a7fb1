"""A layer of one unit that is normalised, made wide."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

WIDTH = 32
OVER_ONE = ("Softmax", "LogSoftmax", "Softmin", "LayerNorm", "RMSNorm")


class OpenBottleneck:
    """Units in place of a single one that is normalised: a softmax or a layer norm over one number is a constant.

    Only where the modules are listed in the config: between two linear layers, what normalises is replaced by ReLU.
    """

    name: ClassVar[str] = "open-bottleneck"
    codes: ClassVar[tuple[str, ...]] = ("M007", "G005")
    reason: ClassVar[str] = "one number, normalised, is a constant, and lets nothing of the input through"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        modules = getattr(config.model, "modules", None)
        if isinstance(modules, list) and (widened := _widen(modules)) != modules:
            yield {"model.modules": widened}


def _widen(modules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The modules with every such place opened."""
    found = list(modules)
    linear = [place for place, each in enumerate(modules) if "Linear" in each]
    for first, last in pairwise(linear):
        between = range(first + 1, last)
        closed = [place for place in between if set(modules[place]) & set(OVER_ONE)]
        before, after = modules[first]["Linear"], modules[last]["Linear"]
        if not (closed and isinstance(before, list) and isinstance(after, list) and before[1] == after[0] == 1):
            continue
        found[first] = {"Linear": [before[0], WIDTH, *before[2:]]}
        found[last] = {"Linear": [WIDTH, *after[1:]]}
        for place in closed:
            found[place] = {"ReLU": []}
    return found
