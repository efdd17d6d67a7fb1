from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.rules.traces import broken, find, is_silent, make_trace, skip
from trainlab.config.model import MLP
from trainlab.config.training import EarlyStopping
from trainlab.intervals import mean_square, newcombe
from trainlab.report import Trace
from trainlab.rules.overfitting import Overfitting

RULE = Overfitting()


def accuracies(train: float | None, test: float | None, samples: tuple[int, int] = (800, 200), **more: Any) -> Trace:
    return make_trace(task="binary", metrics={"train_accuracy": train, "test_accuracy": test}, samples=samples, **more)


def fits(train: float, test: float, samples: tuple[int, int] = (353, 89)) -> Trace:
    return make_trace(task="regression", metrics={"train_r2": train, "test_r2": test}, samples=samples)


def test_the_overfitted_network() -> None:
    found = find(RULE, accuracies(1.0, 0.815))
    assert found.severity == "warning"
    assert found.evidence["gap"] == pytest.approx(0.185)
    assert tuple(found.evidence["interval"]) == pytest.approx(newcombe((800, 800), (163, 200)))
    assert found.evidence["samples"] == {"train": 800, "test": 200}
    assert found.evidence["measure"] == "accuracy"
    for words in ("accuracy is 1 in training and 0.815 in test", "0.185", "95 %", "limit 0.05"):
        assert words in found.message


def test_the_advice_heeds_what_is_on() -> None:
    assert find(RULE, accuracies(1.0, 0.8)).message.endswith(
        "try weight decay, dropout, a smaller network, more data or early stopping"
    )
    trace = accuracies(1.0, 0.8, weight_decay=0.1)
    train = replace(trace.config.train, early_stopping=EarlyStopping(patience=3))
    trace = replace(trace, config=replace(trace.config, train=train, model=MLP(dropout=0.1)))
    assert find(RULE, trace).message.endswith("try more weight decay, more dropout, a smaller network or more data")


def test_with_weight_decay() -> None:
    assert is_silent(RULE, accuracies(0.881, 0.875))


def test_better_in_test_than_in_training() -> None:
    assert is_silent(RULE, accuracies(0.80, 0.95))


def test_a_wide_gap_on_few_samples_is_not_judged() -> None:
    reason = skip(RULE, accuracies(1.0, 0.9, samples=(80, 20)))
    assert "at 20 test samples it is not certain" in reason
    assert "interval" in reason


def test_the_lower_end_must_exceed_the_limit() -> None:
    low = newcombe((800, 800), (163, 200))[0]
    assert "not certain" in skip(Overfitting(gap=low), accuracies(1.0, 0.815))
    assert find(Overfitting(gap=low - 1e-9), accuracies(1.0, 0.815))


def test_numbers_are_judged_by_r2() -> None:
    found = find(RULE, fits(0.93, 0.20))
    assert found.evidence["measure"] == "r2"
    low, high = found.evidence["interval"]
    assert 0.1 < low < 0.73 < high
    train_missed, test_missed = mean_square(0.07, 353), mean_square(0.80, 89)
    assert low == pytest.approx(0.73 - math.hypot(train_missed[1] - 0.07, 0.80 - test_missed[0]))
    assert high == pytest.approx(0.73 + math.hypot(0.07 - train_missed[0], test_missed[1] - 0.80))
    assert "limit 0.1" in found.message
    assert is_silent(RULE, fits(0.55, 0.50))
    assert "not certain" in skip(RULE, fits(0.55, 0.40))
    assert is_silent(RULE, fits(-11.0, -40.0))  # nothing was fitted, let alone too much


def test_a_perfect_fit_has_an_interval_too() -> None:
    assert find(RULE, fits(1.0, 0.2))


def test_too_little_to_judge() -> None:
    assert is_silent(RULE, make_trace(task="none"))
    assert "no test part" in skip(RULE, accuracies(1.0, None, samples=(800, 0)))
    assert "9 samples" in skip(RULE, accuracies(1.0, 0.5, samples=(800, 9)))
    assert "not measured" in skip(RULE, accuracies(None, None))
    assert "not measured" in skip(RULE, accuracies(float("nan"), 0.8))
    assert "finite" in skip(RULE, accuracies(1.0, 0.5, nonfinite=broken()))
