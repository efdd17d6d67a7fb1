"""What leaves each weight layer on its way to the output, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainlab.report import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """One number a weight layer, input first, of the last module that belongs to it: its activation, where it has one.

    Attributes:
        names: of these modules.
        values: `[layer]`.
    """

    names: tuple[str, ...]
    values: np.ndarray


def read_modules(trace: Trace, name: str) -> np.ndarray:
    """An array with one number a module; empty if it was not measured."""
    values = np.asarray(trace.arrays.get(name, ()), dtype=float)
    return values if values.shape == (len(trace.modules),) else np.empty(0)


def find_last_layer(trace: Trace) -> int:
    """Position of the module that owns the last weight; -1 if it is none of those looked at."""
    owners = {parameter.name.rpartition(".")[0] for parameter in trace.parameters if parameter.is_weight}
    return max((position for position, module in enumerate(trace.modules) if module.name in owners), default=-1)


def read_signals(trace: Trace, name: str) -> Signals:
    """The array `name` for all weight layers but the last, whose output is the network's own."""
    values = read_modules(trace, name)
    owners = {parameter.name.rpartition(".")[0] for parameter in trace.parameters if parameter.is_weight}
    found: dict[str, int] = {}
    current = ""
    for position, module in enumerate(trace.modules[: max(find_last_layer(trace), 0)]):
        current = module.name if module.name in owners else current
        if current and len(values) and np.isfinite(values[position]):
            found[current] = position
    return Signals(names=tuple(trace.modules[at].name for at in found.values()), values=values[list(found.values())])
