from __future__ import annotations

from .slow import assert_each


def test_equals_a_slow_computation():
    assert_each("gradient-max-abs", "raw", lambda numbers: max(map(abs, numbers)))
