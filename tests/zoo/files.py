"""Data that no source gives: real samples in other units, sorted, with copies, with holes; written when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn import datasets

FOLDER = Path(__file__).parent / "files"
Samples = tuple[np.ndarray, np.ndarray]


def write_all() -> None:
    """Every file that is not there yet, each whole or not at all."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in FILES.items():
        path = FOLDER / f"{name}.npz"
        if not path.exists():
            inputs, target = make()
            part = path.with_suffix(".part.npz")
            np.savez(part, x=inputs.astype(np.float32), y=target)
            part.rename(path)


def _load(name: str) -> Samples:
    inputs, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(inputs))
    return inputs[order], target[order]


def _scale(samples: Samples) -> Samples:
    inputs, target = samples
    spread = inputs.std(axis=0)
    return (inputs - inputs.mean(axis=0)) / np.where(spread > 0, spread, 1), target


def _sort(samples: Samples) -> Samples:
    inputs, target = samples
    order = np.argsort(target, kind="stable")
    return inputs[order], target[order]


def _copy(samples: Samples) -> Samples:
    """A third of the samples a second time."""
    inputs, target = samples
    again = np.random.default_rng(1).permutation(len(inputs))[: len(inputs) // 3]
    return np.concatenate([inputs, inputs[again]]), np.concatenate([target, target[again]])


def _hole(samples: Samples) -> Samples:
    """One number is missing."""
    inputs, target = samples
    inputs = inputs.copy()
    inputs[3, 1] = np.nan
    return inputs, target


def _fill(samples: Samples) -> Samples:
    """One number in a hundred is not its own, but what is usual."""
    inputs, target = samples
    lost = np.random.default_rng(3).random(inputs.shape) < 0.01
    return np.where(lost, np.median(inputs, axis=0), inputs), target


def _coarsen(samples: Samples) -> Samples:
    """Of the first four features no more than whole standard deviations."""
    inputs, target = _scale(samples)
    return inputs[:, :4].round(), target


def _measure(samples: Samples, factor: float, shift: float = 0.0) -> Samples:
    """Each feature in another unit, all of them by the powers of two that keep every digit."""
    inputs, target = samples
    return inputs * factor + shift, target


def _fold(samples: Samples) -> Samples:
    """The digits as images, eight rows of eight."""
    inputs, target = samples
    return inputs.reshape(-1, 8, 8), target


def _shift(samples: Samples) -> Samples:
    """Features each in a unit of its own, between a thousandth and a thousand."""
    inputs, target = samples
    return inputs * np.logspace(-3, 3, inputs.shape[1])[np.random.default_rng(2).permutation(inputs.shape[1])], target


def _draw_line(factor: float = 1.0) -> Samples:
    stream = np.random.default_rng(5)
    inputs = stream.uniform(-1, 1, (300, 3))
    target = np.tanh(inputs @ [2.0, -1.0, 0.5]) + 0.05 * stream.standard_normal(300)
    return inputs, target * factor


FILES: dict[str, Callable[[], Samples]] = {
    "digits-sorted": lambda: _sort(_scale(_load("digits"))),
    "wine-sorted": lambda: _sort(_scale(_load("wine"))),
    "cancer-sorted": lambda: _sort(_scale(_load("breast_cancer"))),
    "iris-sorted": lambda: _sort(_scale(_load("iris"))),
    "digits-images": lambda: _fold(_scale(_load("digits"))),
    "digits-images-sorted": lambda: _fold(_sort(_scale(_load("digits")))),
    "digits-images-copied": lambda: _fold(_copy(_scale(_load("digits")))),
    "digits-images-hole": lambda: _fold(_hole(_load("digits"))),
    "digits-images-units": lambda: _fold(_shift(_scale(_load("digits")))),
    "digits-plain": lambda: _scale(_load("digits")),
    "wine-plain": lambda: _scale(_load("wine")),
    "cancer-plain": lambda: _scale(_load("breast_cancer")),
    "wine-copied": lambda: _copy(_load("wine")),
    "cancer-copied": lambda: _copy(_load("breast_cancer")),
    "diabetes-copied": lambda: _copy(_load("diabetes")),
    "wine-hole": lambda: _hole(_load("wine")),
    "digits-hole": lambda: _hole(_load("digits")),
    "cancer-hole": lambda: _hole(_load("breast_cancer")),
    "wine-filled": lambda: _fill(_load("wine")),
    "cancer-filled": lambda: _fill(_load("breast_cancer")),
    "wine-coarse": lambda: _coarsen(_load("wine")),
    "cancer-coarse": lambda: _coarsen(_load("breast_cancer")),
    "iris-hole": lambda: _hole(_load("iris")),
    "wine-units": lambda: _measure(_load("wine"), 1024.0),
    "wine-same": lambda: _load("wine"),
    "cancer-units": lambda: _measure(_load("breast_cancer"), 2.0**-10),
    "cancer-same": lambda: _load("breast_cancer"),
    "line": _draw_line,
    "line-units": lambda: _draw_line(1024.0),
}
