"""Configs to traces in one call, and what it means that two traces are the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from trainlab import engine, plugins
from trainlab.config import validate
from trainlab.plan import PlannedRun
from trainlab.report import Trace

CPU = torch.device("cpu")
STEPS = (
    "gradient-norm",
    "gradient-mean-abs",
    "gradient-max-abs",
    "zero-fraction",
    "weight-norm",
    "update-ratio",
    "total-norm",
    "used-norm",
    "clip-angle",
)
ALL = (*STEPS, "accuracy", "activations")


def prepare(values: dict[str, Any], device: torch.device = CPU) -> engine.Work:
    return engine.prepare(validate(values), device)


def train(
    *values: dict[str, Any],
    probes: Sequence[str] = ALL,
    listen: Callable[[engine.Progress], bool] = lambda _: True,
    device: torch.device = CPU,
) -> list[Trace]:
    """Train configs as one plan; the name of a run is its place in the plan."""
    runs = [PlannedRun(name=str(place), patch={}, config=validate(each)) for place, each in enumerate(values)]
    return engine.train(runs, [engine.prepare(run.config, device) for run in runs], probes, listen)


def spy(monkeypatch, **functions: Any) -> str:
    """A probe made here: its name."""
    load = plugins.load
    probe = SimpleNamespace(**functions)
    monkeypatch.setattr(plugins, "load", lambda package, name: probe if name == "spy" else load(package, name))
    return "spy"


def see_weights(monkeypatch) -> str:
    """A probe whose array `weights` holds the parameters of a run at its end."""
    return spy(monkeypatch, evaluate=lambda evaluation: {"weights": evaluation.flat})


def assert_same(one: Trace, other: Trace) -> None:
    """The same bits everywhere: series, arrays, metrics, and how it ended."""
    assert (one.updates, one.nonfinite, one.scaling, one.how) == (other.updates, other.nonfinite, other.scaling, other.how)
    assert one.series.keys() == other.series.keys()
    for name, series in one.series.items():
        assert np.array_equal(series.at, other.series[name].at), name
        assert np.array_equal(series.values, other.series[name].values, equal_nan=True), name
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert np.array_equal(array, other.arrays[name], equal_nan=True), name
    assert one.metrics == other.metrics
