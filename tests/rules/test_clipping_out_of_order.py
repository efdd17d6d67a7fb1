from __future__ import annotations

import pytest

from tests.rules.traces import find, is_silent, make_trace, skip
from trainlab.report import Trace
from trainlab.rules.clipping_out_of_order import ClippingOutOfOrder

RULE = ClippingOutOfOrder()


def make(clipped: int = 10, **wrong: int) -> Trace:
    counts = {"clipped_before_unscaling": 0, "clipped_before_backward": 0, "clipped_inside_accumulation": 0, **wrong}
    return make_trace(metrics={"clipped_steps": clipped, **counts})


@pytest.mark.parametrize(
    ("count", "words"),
    [
        ("clipped_before_unscaling", "scaler.unscale_(optimizer) before clipping"),
        ("clipped_before_backward", "clip between backward() and step()"),
        ("clipped_inside_accumulation", "after the last backward()"),
    ],
)
def test_the_moment_and_the_cure_are_named(count: str, words: str) -> None:
    found = find(RULE, make(**{count: 9}))
    assert (found.severity, found.evidence["wrong"], found.evidence["clipped"]) == ("error", 9, 10)
    assert found.evidence["moment"] == count.removeprefix("clipped_").replace("_", "-")
    assert "in 9 of 10 clipped steps" in found.message
    assert words in found.message


def test_half_of_the_clipped_steps_is_the_limit() -> None:
    assert find(RULE, make(clipped_before_backward=5))
    assert is_silent(RULE, make(clipped_before_backward=4))
    assert is_silent(RULE, make())


def test_too_little_clipping_to_judge() -> None:
    assert "fewer than 3 steps" in skip(RULE, make(clipped=2, clipped_before_backward=2))
    assert skip(RULE, make_trace())
