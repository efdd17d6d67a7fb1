"""Runs that train one by one do the same whether somebody looks at their updates or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainlab.engine import _ways

from .runs import STEPS, see_weights, train

BASE: dict[str, Any] = {
    "model": {"width": 5, "norm": "batch"},
    "data": {"name": "random", "samples": 23, "features": 9, "classes": 3},
    "loss": "cross_entropy",
    "train": {"epochs": 3, "batch_size": 8},
}
CHANGES: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": {"name": "sgd", "lr": 0.1}},
    "adam": {"optimizer": {"name": "adam", "lr": 0.1}},
    "clipped": {"clip": {"mode": "norm", "threshold": 0.1}},
    "accumulated": {"train": {"epochs": 3, "batch_size": 4, "accumulate": 2}},
    "constrained": {"regularize": {"l1": 0.05, "max_norm": 0.5, "weight_noise": 0.1, "adversarial": 0.1}},
    "ends in the forward pass": {"model": {"width": 5, "init": {"name": "constant", "value": 1e30}}},
    "ends in the update": {"model": {"width": 5}, "optimizer": {"name": "sgd", "lr": 1e38}, "loss": "sum"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_look_changes_no_bit(name, monkeypatch):
    monkeypatch.setattr(_ways, "HEAVY", -1)
    monkeypatch.setattr(_ways, "_chosen", {})
    probe = see_weights(monkeypatch)
    values = {**BASE, **CHANGES[name]}
    (seen,), (unseen,) = train(values, probes=[*STEPS, probe]), train(values, probes=[probe])
    assert unseen.how.startswith("one by one: one run fills")
    assert (seen.nonfinite, seen.updates) == (unseen.nonfinite, unseen.updates)
    assert (seen.nonfinite is not None) == name.startswith("ends")
    assert np.array_equal(seen.arrays["weights"], unseen.arrays["weights"], equal_nan=True)
    assert np.array_equal(seen.series["loss"].values, unseen.series["loss"].values, equal_nan=True)
