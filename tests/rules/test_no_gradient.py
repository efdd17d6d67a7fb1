from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules import trainings
from tests.rules.traces import find, is_silent, make_series, make_trace, skip, with_biases
from tests.rules.trainings import BLOBS, train
from trainlab.report import Trace
from trainlab.rules.no_gradient import NoGradient

RULE = NoGradient()
FEW: dict[str, Any] = {"data": BLOBS, "loss": "cross_entropy", "train": {"epochs": 5}}


def holding(weights: Any, **more: Any) -> Trace:
    """A trace with gradients, and the norms of the weights beside them."""
    trace = make_trace(**more)
    return replace(trace, series={**trace.series, "weight-norm": make_series(with_biases(weights))})


def test_weights_of_zero_all_through() -> None:
    model = {"layers": 3, "width": 8, "activation": "tanh", "init": "zeros"}
    found = trainings.find(RULE, train(RULE, model=model, **FEW))
    assert (found.severity, found.because) == ("error", "G007")
    assert found.evidence["layers"] == [f"model.{at}.weight" for at in (0, 2, 4)]
    assert "any weight" in found.message


def test_dead_units_are_the_cause() -> None:
    model = {"layers": 3, "width": 8, "activation": "relu", "init": {"name": "constant", "value": -1.0, "bias": -5.0}}
    found = trainings.find(RULE, train(RULE, model=model, **FEW))
    assert found.because == "G003"


def test_a_convolution_without_gradient() -> None:
    model = {"kind": "cnn", "init": {"name": "constant", "value": -1.0, "bias": -5.0}}
    trace = train(RULE, model=model, data={"name": "digits", "samples": 64}, loss="cross_entropy", train={"epochs": 2})
    assert trainings.find(RULE, trace).because == "G003"


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_a_sound_network_and_one_frozen_on_purpose(activation: str) -> None:
    model = {"layers": 3, "width": 8, "activation": activation}
    assert trainings.is_silent(RULE, train(RULE, model=model, **FEW))
    assert trainings.is_silent(RULE, train(RULE, model={**model, "freeze": ["model.0.*"]}, **FEW))


def test_a_last_layer_of_zeros_is_waited_for() -> None:
    """It gets a gradient at once and passes one back from the second update on."""
    assert "starts at exactly 0" in skip(RULE, holding([1.0, 0.0], gradients=[0.0, 1.0]))
    assert is_silent(RULE, holding([[1.0, 0.0], [1.0, 0.1]], gradients=[[0.0, 1.0], [0.5, 1.0]]))
    assert find(RULE, holding([[1.0, 0.0]] * 2, gradients=[[0.0, 1.0]] * 2)).because == "G007"


def test_zeros_that_get_nothing_are_not_waited_for() -> None:
    assert find(RULE, holding([0.0, 0.0, 0.0], gradients=[0.0, 0.0, 1.0])).where == "model.1.weight"


def test_a_path_that_is_cut_has_no_cause_here() -> None:
    found = find(RULE, make_trace(gradients=[[0.0, 0.0, 1.0, 1.0]] * 3))
    assert found.because is None
    assert "2 of 4 weights" in found.message
    assert found.evidence == {"layers": ["model.0.weight", "model.1.weight"], "weights": 4, "updates": 3}


def test_what_has_underflowed_has_vanished() -> None:
    assert find(RULE, make_trace(gradients=[[0.0, *np.logspace(-40, 0, 20)]] * 2)).because == "G001"


def test_one_update_with_a_gradient_is_enough() -> None:
    assert is_silent(RULE, make_trace(gradients=[[0.0, 1.0], [0.0, 1.0], [1e-38, 1.0]]))


def test_too_little_to_judge() -> None:
    assert "no gradient of a weight" in skip(RULE, make_trace())
    assert "finite" in skip(RULE, make_trace(gradients=[[np.nan, np.nan]]))
