from __future__ import annotations

import math

from .slow import assert_each


def test_equals_a_slow_computation():
    assert_each("gradient-mean-abs", "raw", lambda numbers: math.fsum(map(abs, numbers)) / len(numbers))
