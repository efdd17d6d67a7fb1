from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlab.report import Series
from trainlab.settling import find_final_swing, find_settling_epoch


def curve(*values: float) -> Series:
    return Series(per="epoch", at=np.arange(1, len(values) + 1), values=np.array(values, dtype=np.float64))


def settle_slowly(values: list[float]) -> int | None:
    """The definition, word for word."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    last = statistics.median(values[-max(1, len(values) // 10) :])
    if last >= values[0]:
        return None
    band = 0.02 * (values[0] - last)
    for epoch in range(1, len(values) + 1):
        if all(abs(value - last) <= band for value in values[epoch - 1 :]):
            return epoch if epoch * 10 <= len(values) * 9 else None
    return None


@given(st.lists(st.one_of(st.integers(0, 5).map(float), st.floats(0, 100), st.sampled_from([1.0, 1.01, 50.0])), max_size=60))
def test_equals_the_definition(values):
    assert find_settling_epoch(curve(*values)) == settle_slowly(values)


def test_an_exponential_settles_after_four_time_constants():
    loss = [1 + 9 * math.exp(-epoch / 10) for epoch in range(200)]
    assert find_settling_epoch(curve(*loss)) == 41  # exp(-40 / 10) = 0.018 is the first below 2 %


def test_the_end_is_a_median():
    """One late bump, itself within 2 %, does not widen the band."""
    assert find_settling_epoch(curve(*[1000.0] * 10, *[20.5] * 20, *[0.0] * 69, 19.0)) == 31


def test_a_curve_that_leaves_the_band_again_settles_after_that():
    assert find_settling_epoch(curve(*[10, *[0] * 10, 5, *[0] * 30])) == 13


@pytest.mark.parametrize(
    ("settled", "length"),
    [(9, 10), (None, 10), (13, 15), (None, 15)],
)
def test_later_than_90_percent_is_never(settled, length):
    inside = settled or (10 if length == 10 else 14)
    assert find_settling_epoch(curve(*[1.0] * (inside - 1), *[0.0] * (length - inside + 1))) == settled


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0] * 20, [1.0, *[2.0] * 20], [1.0, math.nan, *[0.0] * 20], [math.inf, *[0.0] * 20]]
)
def test_a_curve_that_does_not_settle(values):
    assert find_settling_epoch(curve(*values)) is None


def test_the_epoch_is_taken_from_the_series():
    loss = Series(per="epoch", at=np.array([10, 20, 30, 40, 50]), values=np.array([1.0, 0, 0, 0, 0]))
    assert find_settling_epoch(loss) == 20


def test_the_swing_is_that_of_the_final_tenth():
    assert find_final_swing(curve(*[9.0] * 80, *[1.0, 3.0] * 10)) == (1.0, 3.0)
    assert find_final_swing(curve(*[9.0] * 90, *[1.0] * 9, 7.0)) == (1.0, 7.0)
    assert find_final_swing(curve(5.0, 4.0)) == (4.0, 4.0)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [1.0, math.inf]])
def test_no_swing(values):
    assert find_final_swing(curve(*values)) is None
