"""How far signals get through the layers before training: forwards and backwards, cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from trainlab.report import Column, Patch, Table, Trace
from trainlab.studies._contest import Entrant

SIGNALS = ("activations", "output-gradients", "gradient-norm")
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
    """Mean squares of what each weight layer puts out, and of the gradient there, at the initial weights; medians over the seeds.

    Beside them the variance over the samples, which fades where all come to look alike, and the gradient of the weights.
    """
    rows = []
    for each, label in zip(entrants, labels, strict=True):
        forward = np.median([_read_forward(trace) for trace in each.runs], axis=0)
        backward = np.median([_read_outputs(trace, "initial-gradient-square") for trace in each.runs], axis=0)
        variance = np.median([_read_outputs(trace, "initial-variance") for trace in each.runs], axis=0)
        weights = np.median([_read_weights(trace) for trace in each.runs], axis=0)
        rows.append(
            (
                *label,
                _find_pace(forward),
                forward.tolist(),
                _find_pace(backward, back=True),
                backward.tolist(),
                _divide(variance[-1], variance[0]),
                _divide(weights[0], weights[-1]),
            )
        )
    return Table(
        name="depth",
        title="signals by depth, before training: mean square of what the layers put out, and of the gradient there on its way "
        "back (1 a layer keeps it)",
        columns=(
            *(Column(name=word) for word in words),
            Column(name="forward a layer", kind="number"),
            Column(name="input to output", kind="strip", priority=2),
            Column(name="backward a layer", kind="number"),
            Column(name="input to output again", kind="strip", priority=3),
            Column(name="variance last/first", kind="number", priority=1),
            Column(name="weight gradient first/last", kind="number", priority=4),
        ),
        rows=tuple(rows),
    )


def _find_weights(trace: Trace) -> list[int]:
    return [place for place, parameter in enumerate(trace.parameters) if parameter.is_weight]


def _read_outputs(trace: Trace, name: str) -> np.ndarray:
    """`[weight layer]`, of what they put out; NaN where nothing was looked at."""
    places = {module.name: place for place, module in enumerate(trace.modules)}
    values = trace.arrays.get(name)
    owners = [trace.parameters[place].name.rpartition(".")[0] for place in _find_weights(trace)]
    return np.array([np.nan if values is None or owner not in places else values[places[owner]] for owner in owners])


def _read_forward(trace: Trace) -> np.ndarray:
    """`[weight layer]` mean square of what each puts out."""
    with np.errstate(over="ignore"):
        squares: np.ndarray = _read_outputs(trace, "initial-mean") ** 2 + _read_outputs(trace, "initial-std") ** 2
    return squares


def _read_weights(trace: Trace) -> np.ndarray:
    """Gradient norms at the first update."""
    series = trace.series.get("gradient-norm")
    chosen = _find_weights(trace)
    return np.full(len(chosen), np.nan) if series is None or not len(series.values) else series.values[0, chosen]


def _find_pace(squares: np.ndarray, *, back: bool = False) -> float | None:
    """The factor that a layer changes `[weight layer]` mean squares by on their way, forwards or `back`.

    The geometric mean over all layers but the last, whose width the data set. None where it cannot be told.
    """
    hidden = squares[:-1][::-1] if back else squares[:-1]
    known = np.flatnonzero(np.isfinite(hidden))
    ratio = _divide(hidden[known[-1]], hidden[known[0]]) if len(known) > 1 else None
    return None if ratio is None else float(ratio ** (1 / (known[-1] - known[0])))


def _divide(one: float, other: float) -> float | None:
    return float(one / other) if np.isfinite([one, other]).all() and other else None
