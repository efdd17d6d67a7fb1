import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlab.renderers._thin import choose, thin
from trainlab.report import Series


def test_a_short_series_is_left_alone():
    series = Series(per="epoch", at=np.arange(200), values=np.arange(200.0))
    assert thin(series) is series


@given(st.lists(st.floats(), min_size=7, max_size=400), st.integers(min_value=6, max_value=200))
def test_ends_extremes_and_the_first_bad_value_stay(values, limit):
    chosen = choose(values, limit)
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= max(limit, 0)
    kept = [values[position] for position in chosen]
    assert {0, len(values) - 1} <= set(chosen)
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        assert min(kept_finite := [value for value in kept if math.isfinite(value)]) == min(finite)
        assert max(kept_finite) == max(finite)
    bad = [position for position, value in enumerate(values) if not math.isfinite(value)]
    assert not bad or bad[0] in chosen


def test_rows_are_thinned_whole():
    values = np.ones((1000, 3))
    values[777, 1] = -50.0
    values[501:, 2] = np.nan
    thinned = thin(Series(per="update", at=np.arange(1, 1001), values=values), limit=20)
    assert thinned.values.shape == (20, 3)
    assert 502 in thinned.at
    assert list(thinned.at) == sorted(thinned.at)


@pytest.mark.parametrize("limit", [10, 200])
def test_what_is_not_special_is_spread_evenly(limit):
    steps = np.diff(choose(list(np.linspace(1.0, 0.0, 2000)), limit))
    assert steps.max() - steps.min() <= 1
