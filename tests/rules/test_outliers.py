from __future__ import annotations

from typing import Any

import pytest

from tests.rules.traces import find, is_silent, make_trace, skip
from tests.rules.trainings import fit, judge
from trainlab.rules.outliers import Outliers

RULE = Outliers()
SMALL = {"epochs": 1}


@pytest.mark.parametrize("model", [{}, {"kind": "lstm", "width": 4}])
@pytest.mark.parametrize("share", [0.01, 0.05])
def test_targets_far_off(share: float, model: Any) -> None:
    found = find(RULE, fit(RULE, {"name": "diabetes", "outliers": share}, "mse", model=model, **SMALL))
    assert (found.where, found.severity) == ("targets", "warning")
    assert found.evidence["samples"] == round(share * 353)
    assert judge(RULE, {"name": "diabetes"}, "mse", model=model, **SMALL) == []


def test_a_robust_loss_bears_them() -> None:
    for loss in ("l1", "huber"):
        assert judge(RULE, {"name": "diabetes", "outliers": 0.02}, loss, **SMALL) == []


@pytest.mark.parametrize("data", ["classification", "digits", "wine", "breast_cancer", "moons"])
def test_inputs_far_off(data: str) -> None:
    assert find(RULE, fit(RULE, {"name": data, "outliers": 0.02}, **SMALL)).where == "inputs"
    assert judge(RULE, {"name": data}, **SMALL) == []
    assert judge(RULE, {"name": data, "noise": 0.5}, **SMALL) == []


def test_thresholds() -> None:
    def some(share: float, count: int = 3) -> Any:
        metrics = {"input_outliers": count, "input_outlier_share": share, "input_outlier": 7 if count else None}
        return make_trace(task="binary", metrics=metrics)

    assert is_silent(RULE, some(0.33))
    assert "number 7 the farthest" in find(RULE, some(0.34)).message
    assert is_silent(RULE, some(0.0, 0))


def test_too_little_to_judge() -> None:
    assert "not measured" in skip(RULE, make_trace())
