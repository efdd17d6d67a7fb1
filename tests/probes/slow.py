"""One run measured by the engine, and the same run by a plain loop in float64, number by number."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from engine.plain import Plain, train_plain
from engine.runs import train

from trainlab.report import Trace

BASE: dict[str, Any] = {
    "model": {"layers": 3, "width": 5, "activation": "relu", "init": {"name": "normal", "std": 0.6, "bias": 0.0}},
    "data": {"name": "random", "samples": 30, "features": 4, "classes": 3, "test_fraction": 0.3},
    "loss": "cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.02},
    "train": {"epochs": 4, "batch_size": 8, "precision": "float64"},
}
CLIPPED: dict[str, Any] = {**BASE, "clip": {"mode": "value", "threshold": 0.02}}


def measure(probe: str, values: dict[str, Any] = BASE) -> Trace:
    """The run next to another one, so that there is a row to mix up."""
    return train({**values, "seed": 9}, values, probes=[probe])[1]


@functools.cache
def _repeat(key: str) -> Plain:
    return train_plain({"base": BASE, "clipped": CLIPPED}[key])


def repeat(values: dict[str, Any] = BASE) -> Plain:
    return _repeat("base" if values is BASE else "clipped")


def length(numbers: Iterable[float]) -> float:
    return math.sqrt(math.fsum(float(number) ** 2 for number in numbers))


def assert_each(probe: str, which: str, slow: Callable[[np.ndarray], float]) -> None:
    """The probe's series has, for each update and parameter, what `slow` makes of the flat numbers of `which`."""
    series = measure(probe).series[probe]
    plain = repeat()
    assert series.at.tolist() == list(range(1, len(plain.updates) + 1))
    for found, update in zip(series.values, plain.updates, strict=True):
        wanted = [slow(part.ravel()) for part in getattr(update, which).values()]
        assert found.tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def join(parts: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([part.ravel() for part in parts.values()])
