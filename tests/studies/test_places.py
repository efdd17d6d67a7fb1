"""Halts, swings and stable rates, on courses written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.rules.traces import make_series, make_trace
from trainlab.config.optimizer import SGD, Adam
from trainlab.report import Trace
from trainlab.studies._places import find_halt, find_limit, find_swing, read_rate, say_limit, say_share


def test_a_halt_that_was_left() -> None:
    halt = find_halt(make_trace(loss=[4.0, 2.0, *[1.0] * 30, 0.5, *[0.0] * 50]))
    assert halt is not None
    assert (halt.first, halt.last, halt.loss) == (3, 32, 1.0)


@pytest.mark.parametrize(
    "loss",
    [
        np.linspace(1.0, 0.0, 200),  # falls all the way
        np.exp(-np.arange(200) / 20),  # settles, and stays
        [4.0, 2.0, *[1.0] * 80],  # never leaves
        [4.0, 2.0, *[1.0] * 3, *[0.0] * 80],  # too short
        [1.0] * 50,
        [1.0, 0.5],
    ],
)
def test_what_is_no_halt(loss: object) -> None:
    assert find_halt(make_trace(loss=loss)) is None


def test_of_two_halts_the_longer_one() -> None:
    halt = find_halt(make_trace(loss=[4.0, *[3.0] * 10, *[2.0] * 20, *[0.0] * 20]))
    assert halt is not None
    assert (halt.first, halt.last) == (12, 31)


def test_a_swing_goes_up_as_much_as_down() -> None:
    assert find_swing(make_trace(loss=[9.0, *[1.56, 2.17] * 50])) == (1.56, 2.17)
    assert find_swing(make_trace(loss=np.linspace(2.0, 1.0, 100))) is None
    assert find_swing(make_trace(loss=[9.0, *[1.0, 1.001] * 50])) is None
    assert find_swing(make_trace()) is None


def steer(trace: Trace, **optimizer: object) -> Trace:
    return replace(trace, config=replace(trace.config, optimizer=SGD(**optimizer)))


def test_the_highest_stable_rate_is_where_a_quadratic_begins_to_swing() -> None:
    """x^2 curvature/2, by hand: just below it |x| falls, just above it grows."""

    def follow(rate: float, curvature: float, momentum: float, *, nesterov: bool) -> float:
        x, speed = 1.0, 0.0
        for _ in range(3000):
            slope = curvature * x
            speed = momentum * speed + slope
            x -= rate * (slope + momentum * speed if nesterov else speed)
        return abs(x)

    for momentum, nesterov in ((0.0, False), (0.5, False), (0.9, False), (0.5, True), (0.9, True)):
        limit = find_limit(steer(make_trace(), momentum=momentum, nesterov=nesterov), 22.61)
        assert limit is not None
        assert follow(0.99 * limit, 22.61, momentum, nesterov=nesterov) < 1e-3
        assert follow(1.01 * limit, 22.61, momentum, nesterov=nesterov) > 1e3
    assert find_limit(make_trace(), 22.610) == pytest.approx(0.08846, rel=1e-4)


def test_where_the_curvature_does_not_say_it() -> None:
    assert find_limit(make_trace(), -1.0) is None
    assert find_limit(steer(make_trace(), momentum=0.9, dampening=0.5), 1.0) is None
    adam = replace(make_trace(), config=replace(make_trace().config, optimizer=Adam(name="adam")))
    assert find_limit(adam, 1.0) is None


def test_words() -> None:
    assert say_limit(make_trace()) == "2/curvature"
    assert say_limit(steer(make_trace(), momentum=0.9)) == "2 (1 + 0.9)/curvature"
    assert [say_share(each) for each in (0.001, 0.5, 0.0227, 1e-20)] == ["0.1 %", "50 %", "2.3 %", "0 %"]


def test_the_rate_of_the_last_update() -> None:
    trace = make_trace(lr=0.1)
    assert read_rate(trace) == 0.1
    assert read_rate(replace(trace, series={"learning-rate": make_series([0.1, 0.02])})) == 0.02
