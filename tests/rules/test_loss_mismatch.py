from __future__ import annotations

from typing import Any

import pytest

from tests.rules.traces import find, is_silent, make_trace, skip
from tests.rules.trainings import fit, judge
from trainlab.rules.loss_mismatch import LossMismatch

RULE = LossMismatch()
SMALL = {"epochs": 1}
KINDS = [{"kind": "mlp"}, {"kind": "cnn"}, {"kind": "gru", "width": 8}]
IRIS = [{"Linear": [4, 8]}, "ReLU", {"Linear": [8, 3]}]


@pytest.mark.parametrize("model", KINDS)
def test_a_softmax_before_the_loss_that_has_one(model: Any) -> None:
    found = find(RULE, fit(RULE, {"name": "digits"}, model={**model, "output": "softmax"}, **SMALL))
    assert (found.severity, found.evidence["activation"]) == ("error", "softmax")
    assert judge(RULE, {"name": "digits"}, model=model, **SMALL) == []


@pytest.mark.parametrize("model", [{"kind": "mlp"}, {"kind": "rnn", "width": 8}])
def test_a_sigmoid_before_the_loss_that_has_one(model: Any) -> None:
    data = {"name": "moons"}
    assert find(RULE, fit(RULE, data, "bce_logits", model={**model, "output": "sigmoid"}, **SMALL)).severity == "error"
    assert find(RULE, fit(RULE, data, model={**model, "output": "sigmoid"}, **SMALL)).severity == "error"
    assert judge(RULE, data, "bce", model={**model, "output": "sigmoid"}, **SMALL) == []
    assert judge(RULE, data, "bce_logits", model=model, **SMALL) == []


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.parametrize("loss", ["mse", "l1", "huber"])
def test_a_loss_for_numbers_on_classes(loss: str, model: Any) -> None:
    assert find(RULE, fit(RULE, {"name": "digits"}, loss, model=model, **SMALL)).severity == "warning"
    assert judge(RULE, {"name": "linear"}, loss, **SMALL) == []


def test_a_log_softmax_changes_nothing() -> None:
    model = {"kind": "layers", "modules": [*IRIS, {"LogSoftmax": [1]}]}
    assert judge(RULE, {"name": "iris"}, model=model, **SMALL) == []


def test_a_softmax_that_is_not_the_last_module() -> None:
    model = {"kind": "layers", "modules": [*IRIS, {"Softmax": [1]}, "Identity"]}
    assert find(RULE, fit(RULE, {"name": "iris"}, model=model, **SMALL)).evidence["activation"] == "softmax"


def test_shares_of_1_are_what_the_squared_error_asks_for() -> None:
    trace = fit(RULE, {"name": "iris"}, "mse", model={"output": "softmax"}, **SMALL)
    assert "loss for numbers" in find(RULE, trace).message


def test_too_little_to_judge() -> None:
    assert is_silent(RULE, make_trace(task="none"))
    assert "no update" in skip(RULE, make_trace(task="binary", updates=0))
    trace = fit(RULE, {"name": "ones"}, "sum", model={"layers": 1}, batch_size=None, epochs=1)
    assert is_silent(RULE, trace)
