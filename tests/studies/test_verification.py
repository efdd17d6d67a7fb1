"""What fresh runs make of a recommended rate, and what is fallen back on, on losses that are written down."""

from __future__ import annotations

from tests.studies.test_band import UP, course, sweep_of
from trainlab.studies._band import find_scale, measure_band
from trainlab.studies._verification import check, find_retreat, list_multiples


def test_verification_counts_what_holds_at_each_multiple() -> None:
    scale = find_scale(course({0.001: 9.9, 0.03: 1.0}))
    fresh = [
        *course({0.01: 3.0}, 7),
        *course({0.03: 1.0}, 7),
        *course({0.03: 4.0}, 8),
        *course({0.09: 7.0}, 7),
        *course({0.3: UP}, 7),
    ]
    checks = check(0.03, 0.01, fresh, scale)
    assert [(each.lr, each.survived, each.of, each.verdict) for each in checks] == [
        (0.01, 1, 1, "too low"),
        (0.03, 1, 2, "too high"),
        (0.09, 0, 1, "unstable"),
        (0.3, 0, 1, "diverged"),
    ]


def test_what_is_fallen_back_on_has_to_come_close_to_the_lowest_loss_too() -> None:
    scale = find_scale(course({0.001: 9.9, 0.03: 1.0}))
    fresh = [*course({0.02: 1.0}, 7), *course({0.02: 4.0}, 8)]
    (found,) = check(0.03, 0.02, fresh, scale)
    assert (found.lr, found.times, found.survived, found.of) == (0.02, 0.67, 1, 2)


def test_a_third_is_fallen_back_on_where_it_is_of_use() -> None:
    traces = course({0.001: 9.9, 0.01: 1.1, 0.03: 1.05, 0.09: 1.0, 0.3: UP})
    assert find_retreat(sweep_of(*traces), measure_band(traces), 0.09) == 0.03
    assert list_multiples(0.09) == {0.03: 1 / 3, 0.09: 1.0, 0.27: 3.0, 0.9: 10.0}


def test_else_the_lowest_good_rate_between() -> None:
    traces = course({0.001: 9.9, 0.03: 3.0, 0.05: 1.1, 0.06: 1.05, 0.09: 1.0, 0.3: UP})
    assert find_retreat(sweep_of(*traces), measure_band(traces), 0.09) == 0.05
    alone = course({0.001: 9.9, 0.09: 1.0, 0.3: UP})
    assert find_retreat(sweep_of(*alone), measure_band(alone), 0.09) is None
