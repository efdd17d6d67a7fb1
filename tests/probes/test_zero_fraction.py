from __future__ import annotations

from .slow import assert_each, measure


def test_equals_a_slow_computation():
    assert_each("zero-fraction", "raw", lambda numbers: sum(number == 0 for number in numbers) / len(numbers))


def test_there_are_zeros_to_count():
    assert 0 < measure("zero-fraction").series["zero-fraction"].values.max() < 1
