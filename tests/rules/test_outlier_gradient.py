from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.rules import trainings
from tests.rules.traces import find, is_silent, make_trace, skip
from tests.rules.trainings import BLOBS, LINE, train
from trainlab.report import Trace
from trainlab.rules.outlier_gradient import OutlierGradient

RULE = OutlierGradient()
ONE = {"epochs": 1}


def spread(samples: int) -> Any:
    """Norms about 1, symmetric, so that mean and median are 1."""
    return np.linspace(0.5, 1.5, samples)


def pulling(norms: Any, **more: Any) -> Trace:
    return make_trace(arrays={"initial-sample-norms": norms}, samples=(len(norms), 0), **more)


@pytest.mark.parametrize(
    "model",
    [
        {"layers": 3, "width": 16, "activation": "relu"},
        {"layers": 1},
        {"layers": 3, "width": 16, "activation": "tanh", "residual": True},
    ],
)
def test_one_target_far_out(model: dict[str, Any]) -> None:
    trace = train(RULE, model=model, data={**LINE, "outliers": 0.01}, loss="mse", train=ONE)
    found = trainings.find(RULE, trace)
    assert found.severity == "warning"
    assert found.evidence["sample"] == int(np.argmax(trace.arrays["initial-sample-norms"]))
    assert 0.5 < found.evidence["share"] < 0.9
    assert "of its batch of 100 (limit 50%)" in found.message


@pytest.mark.parametrize("data", [LINE, {"name": "diabetes"}])
def test_sound_numbers(data: dict[str, Any]) -> None:
    assert trainings.is_silent(RULE, train(RULE, model={"layers": 3, "width": 16}, data=data, loss="mse", train=ONE))


@pytest.mark.parametrize("kind", ["mlp", "cnn", "resnet"])
def test_sound_images(kind: str) -> None:
    data = {"name": "digits", "samples": 128}
    trace = train(RULE, model={"kind": kind}, data=data, loss="cross_entropy", train={"updates": 1, "batch_size": 8})
    assert trainings.is_silent(RULE, trace)


@pytest.mark.parametrize("kind", ["lstm", "gru", "transformer"])
def test_sound_sequences(kind: str) -> None:
    trace = train(
        RULE, model={"kind": kind, "width": 8}, data={"name": "chars"}, loss="cross_entropy", train={"updates": 1, "batch_size": 16}
    )
    assert trainings.is_silent(RULE, trace)


def test_a_network_that_has_learned_is_not_judged_by_its_end() -> None:
    trace = train(
        RULE, model={"layers": 2, "width": 16}, data=BLOBS, loss="cross_entropy", optimizer={"lr": 1.0}, train={"epochs": 200}
    )
    assert trainings.is_silent(RULE, trace)


def test_the_share_is_that_of_a_batch() -> None:
    """1000 beside 999 of norm 1: half of all together, nearly all of a batch of ten."""
    norms = [*spread(999), 1000.0]
    assert find(RULE, pulling(norms)).evidence["share"] == pytest.approx(1000 / 1999)
    assert find(RULE, pulling(norms, batch_size=10)).evidence["share"] == pytest.approx(1000 / 1009)


def test_exactly_at_the_limits() -> None:
    assert is_silent(RULE, pulling([*spread(99), 99.0]))
    assert find(RULE, pulling([*spread(99), 99.5])).evidence["sample"] == 99
    assert is_silent(RULE, pulling([*spread(19), 30.0]))
    assert find(RULE, pulling([*spread(19), 31.0]))


def test_a_sample_of_many() -> None:
    trace = make_trace(arrays={"initial-sample-norms": [0.5, 1.0, 1e4, 1.5]}, samples=(1000, 0), batch_size=100)
    assert find(RULE, trace).evidence["sample"] == 666


def test_too_little_to_judge() -> None:
    assert "4 samples" in skip(RULE, pulling(np.ones(50), batch_size=4))
    assert "not measured" in skip(RULE, make_trace())
    assert "finite" in skip(RULE, pulling([np.nan] * 20))
    assert "pull alike" in skip(RULE, pulling(np.zeros(20)))


def test_where_nothing_of_the_inputs_gets_through_the_sample_that_does_is_no_outlier() -> None:
    assert "pull alike" in skip(RULE, pulling([*np.linspace(1, 1.05, 99), 1000.0]))
    assert find(RULE, pulling([*np.linspace(1, 1.1, 99), 1000.0]))
