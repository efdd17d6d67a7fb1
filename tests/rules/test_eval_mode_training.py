from __future__ import annotations

from tests.rules.traces import find, is_silent, make_trace, skip
from trainlab.report import Trace
from trainlab.rules.eval_mode_training import EvalModeTraining

RULE = EvalModeTraining()


def make(checked: int, wrong: int) -> Trace:
    return make_trace(metrics={"mode_checked": checked, "in_eval_mode": wrong})


def test_trained_in_evaluation_mode() -> None:
    found = find(RULE, make(12, 11))
    assert (found.severity, found.evidence) == ("warning", {"checked": 12, "in_eval_mode": 11})
    assert "11 of 12 steps" in found.message
    assert "model.train()" in found.message


def test_half_of_the_steps_is_the_limit() -> None:
    assert find(RULE, make(12, 6))
    assert is_silent(RULE, make(12, 5))


def test_a_model_that_is_the_same_in_both_modes() -> None:
    assert "no module" in skip(RULE, make(0, 0))
    assert skip(RULE, make_trace())
