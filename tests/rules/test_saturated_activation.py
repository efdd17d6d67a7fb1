from __future__ import annotations

from typing import Any

import pytest

from tests.rules import trainings
from tests.rules.traces import make_trace, skip
from tests.rules.trainings import BLOBS, LINE, train
from trainlab.rules.saturated_activation import SaturatedActivation

RULE = SaturatedActivation()
FEW: dict[str, Any] = {"optimizer": {"name": "sgd", "lr": 0.01}, "train": {"epochs": 30}}
WIDE = {"name": "normal", "std": 20.0}


def network(activation: str = "tanh", **more: Any) -> dict[str, Any]:
    return {"layers": 3, "width": 16, "activation": activation, **more}


def test_a_tanh_network_with_giant_weights() -> None:
    found = trainings.find(RULE, train(RULE, model=network(init=WIDE), data=BLOBS, loss="cross_entropy", **FEW))
    assert found.where in found.evidence["layers"] == ["model.1", "model.3"]
    assert found.evidence["saturated"] > 0.85
    assert found.evidence["initial"] > 0.85
    assert found.severity in ("warning", "error")
    assert "(limit 85%)" in found.message


def test_a_recurrent_network_with_giant_weights() -> None:
    model = {"kind": "rnn", "width": 8, "init": {"name": "normal", "std": 30.0}}
    trace = train(RULE, model=model, data={"name": "adding", "samples": 200}, loss="mse", **FEW)
    assert trainings.find(RULE, trace).where == "recurrent"


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_sound_weights(activation: str) -> None:
    optimizer = {"name": "adam", "lr": 0.02}
    trace = train(RULE, model=network(activation), data=BLOBS, loss="cross_entropy", optimizer=optimizer, train={"epochs": 60})
    assert trainings.is_silent(RULE, trace)


def test_saturated_but_learning() -> None:
    """The near miss: large weights at first, and a network that learns all the same."""
    model = network(init={"name": "normal", "std": 5.0})
    optimizer = {"name": "adam", "lr": 0.1}
    trace = train(RULE, model=model, data=BLOBS, loss="cross_entropy", optimizer=optimizer, train={"epochs": 150})
    assert trace.arrays["initial-saturated"][1] > 0.5
    assert trainings.is_silent(RULE, trace)


def test_a_sure_answer_is_no_saturation() -> None:
    """The sigmoid behind the last layer is the answer, and here it is wrong and sure of it."""
    model = network("relu", output="sigmoid", init=WIDE)
    trace = train(RULE, model=model, data={"name": "moons", "samples": 100}, loss="bce", **FEW)
    assert trace.arrays["activation-saturated"][-1] > 0.85
    assert trainings.is_silent(RULE, trace)


def test_gates_are_not_judged() -> None:
    model = {"kind": "lstm", "width": 8, "init": {"name": "normal", "std": 30.0}}
    trace = train(RULE, model=model, data={"name": "adding", "samples": 100}, loss="mse", **FEW)
    assert trainings.is_silent(RULE, trace)


def test_one_update_shows_nothing() -> None:
    values = {"model": network(init=WIDE), "data": LINE, "loss": "mse"}
    assert "1 update" in skip(RULE, train(RULE, **values, train={"epochs": 1}))


def test_too_little_to_judge() -> None:
    assert "not measured" in skip(RULE, make_trace(modules=[("model.0", "Tanh")]))
