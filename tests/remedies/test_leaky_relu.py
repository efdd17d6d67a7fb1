from __future__ import annotations

import pytest

from tests.remedies.proposing import propose_for
from trainlab import engine
from trainlab.config import Config, apply_patch, validate
from trainlab.device import choose_device
from trainlab.plan import PlannedRun

DEAD = {
    "model": {"width": 64, "init": {"name": "he_normal", "bias": -15.0}},
    "data": {"name": "digits", "standardize": True, "fraction": 0.5},
    "loss": "cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.01},
    "train": {"epochs": 30, "batch_size": 64},
}


def test_in_place_of_relu_only() -> None:
    assert propose_for("leaky-relu") == [{"model.activation": "leaky_relu"}]
    assert propose_for("leaky-relu", model__activation="tanh") == []
    assert propose_for("leaky-relu", model={"kind": "rnn", "activation": "relu"}) == []  # which knows no other


def learn(config: Config) -> float:
    """Share right on the test part."""
    run = PlannedRun(name="base", patch={}, config=config)
    (trace,) = engine.train([run], [engine.prepare(config, choose_device("cpu"))], ["accuracy"])
    return trace.metrics["test_accuracy"] or 0.0


def test_units_that_are_all_dead_wake_up() -> None:
    config = validate(DEAD)
    (patch,) = propose_for("leaky-relu")
    assert learn(config) == pytest.approx(0.1, abs=0.05)
    assert learn(apply_patch(config, patch).config) > 0.9
