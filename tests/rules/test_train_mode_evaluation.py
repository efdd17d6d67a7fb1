from __future__ import annotations

from tests.rules.traces import find, is_silent, make_trace, skip
from trainlab.report import Trace
from trainlab.rules.train_mode_evaluation import TrainModeEvaluation

RULE = TrainModeEvaluation()


def make(evaluated: int, wrong: int) -> Trace:
    return make_trace(metrics={"evaluated": evaluated, "evaluated_in_training_mode": wrong})


def test_evaluated_in_training_mode() -> None:
    found = find(RULE, make(8, 8))
    assert (found.severity, found.evidence) == ("warning", {"evaluated": 8, "in_training_mode": 8})
    assert "8 of 8 passes" in found.message
    assert "model.eval()" in found.message


def test_half_of_the_passes_is_the_limit() -> None:
    assert find(RULE, make(8, 4))
    assert is_silent(RULE, make(8, 3))
    assert is_silent(RULE, make(8, 0))


def test_no_evaluation() -> None:
    assert "no evaluation" in skip(RULE, make(1, 1))
    assert skip(RULE, make_trace())
