from __future__ import annotations

from typing import Any

import pytest

from tests.rules.traces import find, is_silent, make_trace, skip
from tests.rules.trainings import fit, judge
from trainlab.report import Finding
from trainlab.rules.label_noise import LabelNoise

RULE = LabelNoise()
SMALL = {"epochs": 1}


def forest(wrong: float, skill: float = 0.6, everywhere: float = 0.15, samples: int = 900, **more: Any) -> Any:
    metrics = {"sure_wrong": wrong, "oob_skill": skill, "oob_accuracy": 1 - everywhere, "oob_samples": samples}
    return make_trace(task="binary", metrics=metrics, **more)


@pytest.mark.parametrize("model", [{}, {"kind": "rnn", "width": 8}])
@pytest.mark.parametrize("data", ["moons", "blobs", "classification", "breast_cancer", "iris"])
def test_labels_changed_at_random(data: str, model: Any) -> None:
    found = find(RULE, fit(RULE, {"name": data, "label_noise": 0.3}, model=model, **SMALL))
    assert found.severity == "warning"
    assert 0.08 < found.evidence["wrong"] < 0.4


@pytest.mark.parametrize("data", ["moons", "blobs", "classification", "breast_cancer", "iris", "wine", "digits"])
def test_clean_labels(data: str) -> None:
    assert judge(RULE, {"name": data}, **SMALL) == []


@pytest.mark.parametrize(
    "data",
    [
        {"name": "circles"},  # a fifth of it cannot be told
        {"name": "moons", "noise": 0.4},
        {"name": "blobs", "spread": 5.0},
        {"name": "random", "samples": 400, "features": 5, "classes": 2},
        {"name": "classification", "imbalance": 20},
    ],
)
def test_hard_data_are_not_called_wrong(data: dict[str, Any]) -> None:
    assert not [each for each in judge(RULE, data, **SMALL) if isinstance(each, Finding)]


def test_numbers_given_to_the_wrong_samples() -> None:
    data = {"name": "linear", "samples": 500}
    assert find(RULE, fit(RULE, {**data, "label_noise": 0.15}, "mse", **SMALL)).evidence["wrong"] > 0.05
    assert judge(RULE, data, "mse", **SMALL) == []
    assert "outliers" in skip(RULE, fit(RULE, {**data, "outliers": 0.02}, "mse", **SMALL))
    assert "wrong or hard" in skip(RULE, fit(RULE, {"name": "diabetes", "label_noise": 0.3}, "mse", **SMALL))


def test_thresholds() -> None:
    assert is_silent(RULE, forest(0.05))
    assert "to be sure" in skip(RULE, forest(0.06))
    assert find(RULE, forest(0.08)).evidence["interval"][0] > 0.05
    assert "to be sure" in skip(RULE, forest(0.08, samples=90))
    assert "to be sure" in skip(RULE, forest(0.08, everywhere=0.17))
    assert "wrong or hard" in skip(RULE, forest(0.3, skill=0.19))


def test_too_little_to_judge() -> None:
    assert "not measured" in skip(RULE, make_trace(task="binary"))
    assert is_silent(RULE, make_trace(task="none"))
