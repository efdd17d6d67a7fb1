from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.rules import trainings
from tests.rules.traces import find, is_silent, make_trace, skip
from tests.rules.trainings import BLOBS, train
from trainlab.report import Trace
from trainlab.rules.update_ratio import UpdateRatio

RULE = UpdateRatio()
STUCK = {"train_loss": 1.1, "constant_loss": 1.1, "linear_loss": 0.1}
LEARNED = {**STUCK, "train_loss": 0.01}
DIGITS = {"name": "digits", "samples": 200}


def moving(*ratios: float, updates: int = 20, metrics: dict[str, float] = STUCK, gradient: float = 1.0, **more: Any) -> Trace:
    shape = (updates, len(ratios))
    gradients = np.full(shape, gradient)
    return make_trace(changes=np.tile(ratios, (updates, 1)), gradients=gradients, metrics=metrics, task="multiclass", **more)


@pytest.mark.parametrize("model", [{"layers": 3, "width": 16, "activation": "relu"}, {"kind": "cnn"}])
def test_updates_that_hardly_move_anything(model: dict[str, Any]) -> None:
    optimizer = {"name": "sgd", "lr": 1e-8}
    trace = train(RULE, model=model, data=DIGITS, loss="cross_entropy", optimizer=optimizer, train={"epochs": 15})
    found = trainings.find(RULE, trace)
    assert found.severity == "warning"
    assert found.evidence["ratio"] < 1e-6
    assert "less than 1e-06" in found.message


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_sound_run_and_one_that_has_long_converged(activation: str) -> None:
    model = {"layers": 3, "width": 16, "activation": activation}
    for epochs in (60, 800):
        trace = train(
            RULE, model=model, data=BLOBS, loss="cross_entropy", optimizer={"name": "adam", "lr": 0.01}, train={"epochs": epochs}
        )
        assert trainings.is_silent(RULE, trace)


def test_large_updates_that_lead_nowhere() -> None:
    found = find(RULE, moving(0.5, 0.3, 0.2))
    assert found.evidence["ratio"] == pytest.approx(0.3)
    assert found.evidence["log10"] == pytest.approx(np.log10(0.3))
    assert found.evidence["weights"] == [f"model.{at}.weight" for at in range(3)]
    assert "lower learning rate" in found.message


def test_what_has_learned_has_not_suffered() -> None:
    assert is_silent(RULE, moving(0.5, 0.5, metrics=LEARNED))
    assert is_silent(RULE, moving(1e-9, 1e-9, metrics=LEARNED))


def test_exactly_at_the_limits_is_silent() -> None:
    assert is_silent(RULE, moving(0.1, 0.1))
    assert is_silent(RULE, moving(1e-6, 1e-6))
    assert find(RULE, moving(0.101, 0.101))
    assert find(RULE, moving(0.99e-6, 0.99e-6))


def test_it_takes_most_weights_and_most_updates() -> None:
    assert is_silent(RULE, moving(0.5, 0.01, 0.01))
    ratios = np.full((20, 2), 0.5)
    ratios[10:] = 0.01
    assert is_silent(RULE, make_trace(changes=ratios, gradients=np.ones((20, 2)), metrics=STUCK, task="multiclass"))


def test_a_run_that_moved_when_it_began_has_converged_or_died() -> None:
    ratios = np.full((20, 2), 1e-9)
    ratios[0] = 0.1
    assert is_silent(RULE, make_trace(changes=ratios, gradients=np.ones((20, 2)), metrics=STUCK, task="multiclass"))


def test_what_has_no_gradient_is_dead_not_slow() -> None:
    assert "gradient" in skip(RULE, moving(0.0, 0.0, gradient=0.0))
    assert find(RULE, moving(0.0, 0.0)).evidence["log10"] is None  # a step too small for the number format


def test_weights_of_zero_have_no_ratio() -> None:
    assert "no weight above 0" in skip(RULE, moving(np.inf, np.nan))


def test_too_little_to_judge() -> None:
    assert "9 updates" in skip(RULE, moving(0.5, 0.5, updates=9))
    assert is_silent(RULE, moving(0.01, 0.01, updates=1))
    assert "nothing shows" in skip(RULE, moving(0.5, 0.5, metrics={}))


def test_a_penalty_that_shrinks_the_weights() -> None:
    """In the end each update turns over what is left of them; at first none did."""
    model = {"layers": 3, "width": 16, "activation": "relu"}
    optimizer = {"name": "adam", "lr": 0.01, "weight_decay": 3.0}
    trace = train(RULE, model=model, data=BLOBS, loss="cross_entropy", optimizer=optimizer, train={"epochs": 200})
    assert np.median(trace.series["update-ratio"].values[-20:]) > 0.1
    assert trainings.is_silent(RULE, trace)
