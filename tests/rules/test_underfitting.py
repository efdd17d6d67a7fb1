from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.rules.traces import SCALES, broken, find, is_silent, make_trace, rescale, skip, summarize
from trainlab.report import Trace
from trainlab.rules.underfitting import Underfitting

RULE = Underfitting()


def losses(train: float | None, constant: float | None, linear: float | None, task: str = "regression", **more: Any) -> Trace:
    return make_trace(task=task, metrics={"train_loss": train, "constant_loss": constant, "linear_loss": linear}, **more)


def test_the_line_that_a_network_without_bias_cannot_fit() -> None:
    found = find(RULE, losses(1.005421, 0.7561, 0.00663))
    assert found.severity == "error"
    assert found.evidence == {
        "train_loss": 1.005421,
        "constant_loss": 0.7561,
        "linear_loss": 0.00663,
        "share": pytest.approx(-0.3327, abs=1e-4),
        "accuracy": None,
        "constant_accuracy": None,
    }
    for words in ("1.01", "0.756", "0.00663", "no better than a constant"):
        assert words in found.message


@pytest.mark.parametrize("train", [0.0007, 0.311, 0.371])
def test_a_penalised_network_a_little_above_the_linear_one(train: float) -> None:
    assert is_silent(RULE, losses(train, 0.6931, 0.318, task="binary"))


def test_a_network_that_the_penalty_has_flattened() -> None:
    found = find(RULE, losses(0.607, 0.6931, 0.318, task="binary"))
    assert found.severity == "warning"
    assert "0.23 of what a straight line gains (limit 0.5)" in found.message
    assert find(RULE, losses(0.693, 0.6931, 0.318, task="binary")).severity == "error"


def test_exactly_at_the_limit_is_silent() -> None:
    assert is_silent(RULE, losses(0.625, 1.0, 0.25))
    assert find(RULE, losses(0.626, 1.0, 0.25)).severity == "warning"


def test_without_a_linear_model_only_the_constant_is_a_yardstick() -> None:
    assert find(RULE, losses(1.2, 1.0, None)).evidence["share"] is None
    assert "no linear model" in skip(RULE, losses(1.05, 1.0, None))  # within 5 % of the constant
    assert "no linear model" in skip(RULE, losses(0.2, 1.0, None))


def test_labels_without_signal_are_no_yardstick() -> None:
    """White noise: a linear model fits a little of it by chance, and a network held by a penalty does not."""
    assert "no linear model" in skip(RULE, losses(0.6931, 0.6931, 0.68, task="binary"))
    assert find(RULE, losses(0.80, 0.6931, 0.68, task="binary")).severity == "error"


def test_a_perfect_linear_model_is_a_yardstick() -> None:
    assert is_silent(RULE, losses(0.2, 2.3026, 0.0, task="multiclass"))
    assert find(RULE, losses(2.0, 2.3026, 0.0, task="multiclass")).severity == "warning"


def test_too_little_to_judge() -> None:
    assert is_silent(RULE, make_trace(task="none"))
    assert "not both defined" in skip(RULE, losses(None, 1.0, 0.5))
    assert "not both defined" in skip(RULE, losses(1.0, None, None))
    assert "19 updates" in skip(RULE, losses(1.0, 0.7, 0.1, updates=19))
    assert find(RULE, losses(1.0, 0.7, 0.1, updates=20))
    assert "finite" in skip(RULE, losses(1.0, 0.7, 0.1, nonfinite=broken()))


@pytest.mark.parametrize("factor", SCALES)
@pytest.mark.parametrize(
    "values", [(1.005421, 0.7561, 0.00663), (0.311, 0.6931, 0.318), (0.607, 0.6931, 0.318), (0.625, 1.0, 0.25), (1, 1, 1)]
)
def test_units_do_not_matter(values: tuple[float, float, float], factor: float) -> None:
    trace = losses(*values)
    assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)


def test_a_few_confident_mistakes_are_no_underfit() -> None:
    """98 % right, and a loss above the constant's, which a handful of mistakes make."""

    def classes(right: float, loss: float = 3.0, linear: float | None = 0.95) -> Trace:
        accuracies = {"train_accuracy": right, "constant_accuracy": 0.5, "linear_accuracy": linear}
        trace = losses(loss, 0.6931, 0.318 if linear else None, task="binary")
        return replace(trace, metrics={**trace.metrics, **accuracies})

    assert is_silent(RULE, classes(0.98))
    assert is_silent(RULE, classes(0.725))
    assert find(RULE, classes(0.724)).evidence["accuracy"] == 0.724
    assert find(RULE, classes(0.5)).severity == "error"
    assert is_silent(RULE, classes(0.75, linear=None))
    assert find(RULE, classes(0.74, linear=None)).severity == "error"
    assert find(RULE, classes(0.9, loss=0.6)).severity == "warning"  # not confident at all: a penalty flattens it


def test_of_classes_two_thirds_are_asked_for_if_it_is_right_as_much_less_often() -> None:
    def right(accuracy: float) -> Trace:
        trace = losses(1.0, 2.0, 0.2, task="multiclass")  # 0.556 of the gain
        return replace(
            trace, metrics={**trace.metrics, "train_accuracy": accuracy, "constant_accuracy": 0.1, "linear_accuracy": 0.9}
        )

    assert "limit 0.65" in find(RULE, right(0.61)).message
    assert is_silent(RULE, right(0.63))
    assert is_silent(RULE, losses(1.0, 2.0, 0.2, task="multiclass"))
