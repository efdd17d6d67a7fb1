from __future__ import annotations

import math

import pytest
from engine.runs import train

from .slow import assert_each, length


def test_equals_a_slow_computation():
    assert_each("gradient-norm", "raw", length)


@pytest.mark.parametrize("value", [1e-25, 1e25])
def test_gradients_whose_squares_float32_cannot_hold(value):
    values = {"model": {"layers": 1, "bias": False}, "data": {"name": "ones", "features": 100, "value": value}}
    (trace,) = train(values, probes=["gradient-norm"])
    wanted = math.sqrt(100) * value
    units = trace.parameters[0].shape[0]
    assert trace.series["gradient-norm"].values[0, 0] == pytest.approx(wanted * math.sqrt(units), rel=1e-5)
