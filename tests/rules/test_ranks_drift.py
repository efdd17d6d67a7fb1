from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.rules.ranks import UPDATES, make_rank
from tests.rules.traces import make_trace
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules.ranks_drift import RanksDrift


def judge(*traces: Trace, **thresholds: Any) -> list[Finding | Skipped]:
    return list(RanksDrift(**thresholds).judge_study(traces))


def grow(from_update: int, by: float) -> np.ndarray:
    """Weights of 2 and 1, the second larger by a share of it from an update on."""
    rows = np.tile([2.0, 1.0], (UPDATES, 1))
    rows[from_update - 1 :, 1] *= 1 + by
    return rows


@pytest.mark.parametrize(
    ("weights", "gradients", "update", "words"),
    [
        (grow(1, 0.5), (0.5, 0.25), 1, "they began with different ones"),
        (grow(3, 0.01), (0.5, 0.2), 3, "the gradients are not averaged"),
        (grow(3, 0.01), (0.5, 0.25), 3, "they were changed on one rank alone"),
    ],
)
def test_tells_when_and_why(weights: np.ndarray, gradients: Any, update: int, words: str) -> None:
    (found,) = judge(make_rank(0), make_rank(1), make_rank(2, weights=weights, gradients=gradients))
    assert isinstance(found, Finding)
    assert (found.severity, found.run, found.where) == ("error", "base", make_rank(0).parameters[1].name)
    assert (found.evidence["update"], found.evidence["ranks"]) == (update, [0, 2])
    assert found.evidence["difference"] == pytest.approx(1 - 1 / (weights[-1, 1]))
    assert words in found.message
    assert f"from update {update} on" in found.message


def test_at_the_limit() -> None:
    assert judge(make_rank(0), make_rank(1, weights=grow(2, 0.01)), difference=0.01) == []
    assert judge(make_rank(0), make_rank(1, weights=grow(2, 0.01)), difference=0.0099) != []


def test_only_updates_that_all_have_looked_at_are_compared() -> None:
    late = make_rank(1, weights=(2.0, 1.5), at=[13, 14], updates=14)
    (skipped,) = judge(make_rank(0), late)
    assert isinstance(skipped, Skipped)
    assert "no update was looked at on every rank" in skipped.reason
    assert judge(make_rank(0, at=[1, 2, 4]), make_rank(1, weights=[[2, 1], [9, 9], [2, 1]], at=[1, 3, 4])) == []


def test_gradients_that_are_averaged_later_are_no_fault() -> None:
    assert judge(make_rank(0), make_rank(1, gradients=(5.0, 7.0))) == []


def test_what_is_not_compared() -> None:
    reasons = [
        [each.reason for each in judge(*traces) if isinstance(each, Skipped)]
        for traces in (
            (make_trace(),),
            (make_rank(0),),
            (make_rank(0, sharded=1), make_rank(1, weights=(7.0, 7.0), sharded=1)),
            (make_rank(0), make_rank(1, updates=0)),
        )
    ]
    assert [len(each) for each in reasons] == [1, 1, 1, 1]
    assert ["one process" in reasons[0][0], "one process" in reasons[1][0]] == [True, True]
    assert reasons[2] == ["each rank holds a part of the model, and these are meant to differ"]
    assert reasons[3] == ["no two ranks trained the same parameters"]
