from __future__ import annotations

from typing import Any

import pytest

from tests.rules.traces import SCALES, find, is_silent, make_trace, rescale, skip, summarize
from tests.rules.trainings import fit, judge
from trainlab.rules.output_mismatch import OutputMismatch

RULE = OutputMismatch()
SMALL = {"epochs": 1}
MODELS = [{"kind": "mlp"}, {"kind": "gru", "width": 8}]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("output", ["sigmoid", "tanh"])
def test_numbers_beyond_the_range(output: str, model: Any) -> None:
    found = find(RULE, fit(RULE, {"name": "diabetes"}, "mse", model={**model, "output": output}, **SMALL))
    assert found.severity == "error"
    assert found.evidence["share"] > 1
    assert judge(RULE, {"name": "diabetes"}, "mse", model={**model, "output": "relu"}, **SMALL) == []  # all are above 0
    assert judge(RULE, {"name": "diabetes"}, "mse", model=model, **SMALL) == []


@pytest.mark.parametrize("model", MODELS)
def test_logits_that_cannot_say_no(model: Any) -> None:
    assert (
        find(RULE, fit(RULE, {"name": "moons"}, "bce_logits", model={**model, "output": "relu"}, **SMALL)).evidence["range"][1]
        is None
    )
    assert find(RULE, fit(RULE, {"name": "digits"}, model={**model, "output": "tanh"}, **SMALL))
    assert judge(RULE, {"name": "digits"}, model={**model, "output": "relu"}, **SMALL) == []  # only differences count


def test_numbers_within_the_range() -> None:
    data = {"name": "linear", "slope": 0.8, "intercept": 0.1, "noise": 0.02}
    assert judge(RULE, data, "mse", model={"output": "sigmoid"}, **SMALL) == []
    data = {"name": "linear", "slope": 1.0, "intercept": 0.0, "noise": 0.02}  # a few stand a little outside
    assert judge(RULE, data, "mse", model={"output": "sigmoid"}, **SMALL) == []


def test_squashing_twice_is_another_rule() -> None:
    assert judge(RULE, {"name": "digits"}, model={"output": "softmax"}, **SMALL) == []
    assert judge(RULE, {"name": "moons"}, "bce_logits", model={"output": "sigmoid"}, **SMALL) == []


def some(reachable: float | None, constant: float | None = 1.0) -> Any:
    metrics = {"reachable_loss": reachable, "constant_loss": constant, "output_low": 0.0, "output_high": 1.0}
    return make_trace(task="regression", objective="mse", metrics=metrics, modules=[("model.0", "Linear"), ("model.1", "Sigmoid")])


def test_thresholds() -> None:
    assert is_silent(RULE, some(0.05))
    assert find(RULE, some(0.051)).where == "model.1"
    assert is_silent(RULE, some(0.0, None))
    assert "no best constant" in skip(RULE, some(0.3, None))


@pytest.mark.parametrize("factor", SCALES)
def test_units_do_not_matter(factor: float) -> None:
    for trace in (some(0.05), some(0.051)):
        assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)


def test_too_little_to_judge() -> None:
    assert is_silent(RULE, make_trace(task="none"))
    assert "not measured" in skip(RULE, some(None))
