from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.rules import trainings
from tests.rules.traces import find, make_series, make_trace, skip, with_biases
from tests.rules.trainings import BLOBS, train
from trainlab.rules.poor_initialisation import PoorInitialisation

RULE = PoorInitialisation()
ONE: dict[str, Any] = {"data": BLOBS, "loss": "cross_entropy", "train": {"epochs": 1}}
DIGITS: dict[str, Any] = {"data": {"name": "digits", "samples": 64}, "loss": "cross_entropy", "train": {"epochs": 1}}


def network(layers: int = 3, activation: str = "relu", **more: Any) -> dict[str, Any]:
    return {"layers": layers, "width": 16, "activation": activation, **more}


@pytest.mark.parametrize("init", ["zeros", {"name": "constant", "value": 0.1}])
def test_units_that_are_copies(init: Any) -> None:
    found = trainings.find(RULE, train(RULE, model=network(init=init), **{**ONE, "train": {"epochs": 10}}))
    assert (found.severity, found.evidence["kind"]) == ("error", "symmetric")
    assert found.where == "model.0.weight"


def test_filters_that_are_copies() -> None:
    model = {"kind": "cnn", "init": {"name": "constant", "value": 0.01}}
    assert trainings.find(RULE, train(RULE, model=model, **DIGITS)).evidence["kind"] == "symmetric"


def test_one_unit_has_no_copies() -> None:
    """The source chains: every weight 1, one unit a layer."""
    for activation in ("relu", "sigmoid"):
        model = network(30, activation, width=1, output="same", init={"name": "constant", "value": 1.0}, bias=False)
        assert trainings.is_silent(RULE, train(RULE, model=model, data="ones", loss="sum"))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_signal_that_is_lost_where_all_gradients_are_even(activation: str) -> None:
    model = network(30, activation, init={"name": "normal", "std": 0.01}, bias=False)
    found = trainings.find(RULE, train(RULE, model=model, **ONE))
    assert (found.severity, found.evidence["kind"]) == ("error", "signal")
    assert found.evidence["signal"] < 1e-20
    assert "limit 0.001" in found.message


def test_a_recurrent_network_with_a_giant_first_loss() -> None:
    model = {"kind": "rnn", "width": 8, "init": {"name": "normal", "std": 30.0}}
    trace = train(RULE, model=model, data={"name": "adding", "samples": 100}, loss="mse", train={"epochs": 1})
    found = trainings.find(RULE, trace)
    assert (found.severity, found.evidence["kind"]) == ("warning", "loss")


def test_a_giant_first_loss_where_only_biases_are_trained() -> None:
    model = network(init={"name": "normal", "std": 30.0}, freeze=["*weight"])
    found = trainings.find(RULE, train(RULE, model=model, **ONE))
    assert (found.evidence["kind"], found.where) == ("loss", "model.4.bias")


def test_a_giant_first_loss_that_is_got_over_is_worth_knowing() -> None:
    values = {"model": network(6, init={"name": "normal", "std": 1.0}), "data": BLOBS, "loss": "cross_entropy"}
    optimizer = {"name": "sgd", "lr": 0.001}
    assert trainings.find(RULE, train(RULE, **values, optimizer=optimizer, train={"epochs": 1})).severity == "warning"
    assert trainings.find(RULE, train(RULE, **values, optimizer=optimizer, train={"epochs": 30})).severity == "info"


def test_a_signal_that_fades_with_the_gradient_is_told_as_vanishing() -> None:
    assert trainings.is_silent(RULE, train(RULE, model=network(30, "sigmoid", init="xavier_uniform", bias=False), **ONE))


@pytest.mark.parametrize(
    "model",
    [
        network(),
        network(3, "tanh", init="auto"),
        network(30, "relu", init="he_normal"),
        network(20, "tanh", residual=True),
        network(30, "relu", norm="batch", init={"name": "normal", "std": 0.01}),
    ],
)
def test_sound_starts(model: dict[str, Any]) -> None:
    assert trainings.is_silent(RULE, train(RULE, model=model, **ONE))


@pytest.mark.parametrize("kind", ["cnn", "resnet"])
def test_sound_convolutions(kind: str) -> None:
    assert trainings.is_silent(RULE, train(RULE, model={"kind": kind}, **{**DIGITS, "train": {"epochs": 1, "batch_size": 32}}))


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru", "transformer"])
def test_sound_sequences(kind: str) -> None:
    short = {"updates": 2, "batch_size": 16}
    trace = train(RULE, model={"kind": kind, "width": 16}, data={"name": "chars"}, loss="cross_entropy", train=short)
    assert trainings.is_silent(RULE, trace)


def test_too_little_to_judge() -> None:
    assert "not measured" in skip(RULE, make_trace())


def test_a_giant_start_that_was_learned_by_heart_is_not_got_over() -> None:
    trace = make_trace(changes=[1e-3] * 3, metrics={"zero_output_loss": 2.3, "train_loss": 0.01, "train_accuracy": 1.0})
    series = {**trace.series, "batch-loss": make_series([20.0]), "twin-units": make_series(with_biases([0.0] * 3))}
    for test, severity in ((0.96, "info"), (0.94, "warning")):
        ended = replace(trace, series=series, metrics={**trace.metrics, "test_accuracy": test})
        assert find(RULE, ended).severity == severity


def test_a_signal_that_is_lost_in_two_layers() -> None:
    """From the inputs to the first, and from the first to the second: the inputs count."""
    init = {"name": "normal", "std": 0.001}
    found = trainings.find(RULE, train(RULE, model=network(3, init=init), **ONE))
    assert (found.severity, found.evidence["kind"]) == ("warning", "signal")
    assert found.evidence["signal"] < 1e-3
    assert trainings.is_silent(RULE, train(RULE, model=network(2, init=init), **ONE))
