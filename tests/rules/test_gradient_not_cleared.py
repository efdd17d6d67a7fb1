from __future__ import annotations

from tests.rules.traces import find, is_silent, make_trace, skip
from trainlab.report import Trace
from trainlab.rules.gradient_not_cleared import GradientNotCleared

RULE = GradientNotCleared()


def make(checked: int, piled: int) -> Trace:
    return make_trace(metrics={"clearing_checked": checked, "not_cleared": piled})


def test_every_step_on_top_of_the_one_before() -> None:
    found = find(RULE, make(20, 20))
    assert (found.severity, found.evidence) == ("error", {"checked": 20, "piled_up": 20})
    assert "20 of 20 steps" in found.message
    assert "zero_grad()" in found.message


def test_now_and_then_is_a_way_to_accumulate() -> None:
    assert find(RULE, make(20, 18))
    assert is_silent(RULE, make(20, 17))
    assert is_silent(RULE, make(20, 0))


def test_a_beginning_says_nothing() -> None:
    assert "fewer than 3 steps" in skip(RULE, make(2, 2))
    assert skip(RULE, make_trace())
