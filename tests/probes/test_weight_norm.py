from __future__ import annotations

from .slow import assert_each, length


def test_equals_a_slow_computation_before_the_update():
    assert_each("weight-norm", "before", length)
