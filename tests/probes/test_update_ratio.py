from __future__ import annotations

import math

import numpy as np
import pytest
from engine.runs import train

from .slow import length, measure, repeat


def test_equals_a_slow_computation_from_the_change_that_happened():
    found = measure("update-ratio").series["update-ratio"].values
    for row, update in zip(found[1:], repeat().updates[1:], strict=True):
        wanted = [
            length((update.after[name] - update.before[name]).ravel()) / length(update.before[name].ravel()) for name in update.raw
        ]
        assert row.tolist() == pytest.approx(wanted, rel=1e-7)


def test_biases_of_zeros_that_move_and_that_do_not():
    moved = measure("update-ratio").series["update-ratio"].values[0]
    assert moved[1] == math.inf
    values = {"model": {"layers": 2, "activation": "relu", "init": {"name": "constant", "value": -1.0}}, "data": "ones"}
    (still,) = train(values, probes=["update-ratio"])
    assert np.isnan(still.series["update-ratio"].values[0, 1])
    assert still.series["update-ratio"].values[0, 0] == 0
