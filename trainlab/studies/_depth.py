"""How far signals get through the layers before training: forwards and backwards, cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from trainlab.report import Column, Patch, Table, Trace
from trainlab.studies._contest import Entrant

SIGNALS = ("activations", "gradient-norm")
"""Probes."""
LAYERS = 3  # fewer show no trend
KEYS = ("model.activation", "model.init", "model.norm", "model.residual", "model.layers", "model.kind")


def is_about_depth(patches: Iterable[Patch]) -> bool:
    """Something differs that decides how signals get through the layers."""
    return any(key.startswith(KEYS) for patch in patches for key in patch)


def is_deep(entrants: Sequence[Entrant]) -> bool:
    """Signals were measured, and there are layers to get through."""
    return all(
        "initial-variance" in trace.arrays and len(_find_weights(trace)) >= LAYERS for each in entrants for trace in each.runs[:1]
    )


def tabulate_depth(entrants: Sequence[Entrant], words: Sequence[str], labels: Sequence[Sequence[Any]]) -> Table:
    """Variance of the outputs of each weight layer over the samples, and the gradient of its weights at the first update.

    Medians over the seeds. A ratio near 1 is a signal that neither fades nor grows.
    """
    rows = []
    for each, label in zip(entrants, labels, strict=True):
        forward = np.median([_read_forward(trace) for trace in each.runs], axis=0)
        backward = np.median([_read_backward(trace) for trace in each.runs], axis=0)
        rows.append(
            (*label, _divide(forward[-1], forward[0]), forward.tolist(), _divide(backward[0], backward[-1]), backward.tolist())
        )
    return Table(
        name="depth",
        title="signals by depth, before training: variance of what the layers put out, and the gradient of their weights",
        columns=(
            *(Column(name=word) for word in words),
            Column(name="variance, last/first", kind="number"),
            Column(name="input to output", kind="strip", priority=1),
            Column(name="gradient, first/last", kind="number"),
            Column(name="input to output again", kind="strip", priority=1),
        ),
        rows=tuple(rows),
    )


def _find_weights(trace: Trace) -> list[int]:
    return [place for place, parameter in enumerate(trace.parameters) if parameter.is_weight]


def _read_forward(trace: Trace) -> np.ndarray:
    """`[weight layer]`; NaN where nothing was looked at."""
    places = {module.name: place for place, module in enumerate(trace.modules)}
    variance = trace.arrays.get("initial-variance")
    owners = [trace.parameters[place].name.rpartition(".")[0] for place in _find_weights(trace)]
    return np.array([np.nan if variance is None or name not in places else variance[places[name]] for name in owners])


def _read_backward(trace: Trace) -> np.ndarray:
    series = trace.series.get("gradient-norm")
    chosen = _find_weights(trace)
    return np.full(len(chosen), np.nan) if series is None or not len(series.values) else series.values[0, chosen]


def _divide(one: float, other: float) -> float | None:
    return float(one / other) if np.isfinite([one, other]).all() and other else None
