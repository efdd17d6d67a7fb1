from __future__ import annotations

from typing import Any

import pytest

from tests.rules.traces import find, is_silent, make_trace, skip
from tests.rules.trainings import fit, judge
from trainlab.config import validate
from trainlab.rules.class_imbalance import ClassImbalance

RULE = ClassImbalance()
FULL = {"batch_size": None, "epochs": 60}


def classes(counts: list[float], recall: list[float], test: list[float] | None = None, **more: Any) -> Any:
    arrays = {"train-class-count": counts, "train-class-recall": recall}
    arrays |= {"test-class-count": test, "test-class-recall": recall} if test else {}
    return make_trace(task="multiclass", arrays=arrays, **more)


@pytest.mark.parametrize("model", [{}, {"kind": "gru", "width": 16}])
def test_a_rare_class_is_neglected(model: Any) -> None:
    found = find(RULE, fit(RULE, {"name": "classification", "imbalance": 30}, model=model, **FULL))
    assert found.where == "class 1"
    assert found.evidence["part"] == "test"
    assert found.evidence["recall"] < 0.7 < found.evidence["majority_recall"]
    assert judge(RULE, {"name": "classification"}, model=model, **FULL) == []


def test_a_class_that_is_never_told() -> None:
    assert find(RULE, fit(RULE, {"name": "circles", "imbalance": 20}, **FULL)).severity == "error"


def test_a_rare_class_that_is_told_as_well() -> None:
    assert judge(RULE, {"name": "blobs", "imbalance": 30}, **FULL) == []


def test_thresholds() -> None:
    assert is_silent(RULE, classes([400, 100], [1, 0.5]))
    assert find(RULE, classes([401, 100], [1, 0.5])).severity == "warning"
    assert find(RULE, classes([401, 100], [1, 0.0])).severity == "error"
    assert is_silent(RULE, classes([401, 100], [1, 0.87]))
    assert is_silent(RULE, classes([401, 100], [0.5, 0.9]))
    assert find(RULE, classes([500, 300, 40], [1, 0.9, 0.5])).where == "class 2"
    assert find(RULE, classes([500, 5], [1, 0.5], test=[90, 90])).evidence["part"] == "test"


def test_weights_are_advised_where_there_are_none() -> None:
    assert find(RULE, classes([401, 100], [1, 0.5])).message.endswith("try more samples of it, or data.class_weights=balanced")
    weighted = validate({"data": {"name": "wine", "class_weights": "balanced"}, "loss": "cross_entropy"})
    assert find(RULE, classes([401, 100], [1, 0.5], config=weighted)).message.endswith("try more samples of it")


def test_too_little_to_judge() -> None:
    assert "fewer than 10" in skip(RULE, classes([500, 5], [1, 0.5], test=[90, 9]))
    assert "19 updates" in skip(RULE, classes([500, 50], [1, 0.5], updates=19))
    assert is_silent(RULE, make_trace(task="regression"))
    assert "not counted" in skip(RULE, make_trace(task="binary"))
