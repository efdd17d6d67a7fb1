from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.rules import trainings
from tests.rules.traces import make_trace, skip
from tests.rules.trainings import BLOBS, LINE, train
from trainlab.report import Trace
from trainlab.rules.collapsed import Collapsed

RULE = Collapsed()
SOURCE = yaml.safe_load((Path(__file__).parents[2] / "configs" / "lr-sweep.yaml").read_text(encoding="utf-8"))


def sweep(rate: float) -> Trace:
    return train(RULE, **{**SOURCE, "optimizer": {"name": "sgd", "lr": rate}, "vs": []})


@pytest.mark.parametrize("rate", [0.165, 0.2, 0.5])
def test_the_source_chain_from_a_rate_of_0165_on(rate: float) -> None:
    trace = sweep(rate)
    assert not trace.series["gradient-norm"].values[-1].any()
    found = trainings.find(RULE, trace)
    assert found.severity == "error"
    assert found.evidence["end"] == pytest.approx(13.3355, abs=1e-4)
    assert found.evidence["step"] > 0.5
    assert found.evidence["after"] == 0
    assert f"learning rate {rate:g}" in found.message


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.08, 0.1, 0.15])
def test_the_source_chain_below(rate: float) -> None:
    """It settles or swings, above the constant's loss in any case."""
    assert trainings.is_silent(RULE, sweep(rate))


@pytest.mark.parametrize(
    ("model", "data", "loss", "lr"),
    [
        ({"layers": 3, "width": 16, "activation": "relu"}, LINE, "mse", 0.7),
        ({"layers": 3, "width": 16, "activation": "sigmoid"}, LINE, "mse", 1.0),
        ({"kind": "cnn"}, {"name": "digits", "samples": 200}, "cross_entropy", 30.0),
    ],
)
def test_giant_steps(model: dict[str, Any], data: dict[str, Any], loss: str, lr: float) -> None:
    trace = train(RULE, model=model, data=data, loss=loss, optimizer={"name": "sgd", "lr": lr}, train={"epochs": 40})
    assert trainings.find(RULE, trace).evidence["step"] > 0.5


@pytest.mark.parametrize(("activation", "epochs"), [("relu", 60), ("tanh", 60), ("relu", 1500)])
def test_a_sound_network_however_long_it_has_converged(activation: str, epochs: int) -> None:
    model = {"layers": 3, "width": 16, "activation": activation}
    optimizer = {"name": "adam", "lr": 0.03}
    assert trainings.is_silent(
        RULE, train(RULE, model=model, data=BLOBS, loss="cross_entropy", optimizer=optimizer, train={"epochs": epochs})
    )


def test_dead_from_the_start_was_killed_by_no_step() -> None:
    model = {"layers": 3, "width": 16, "activation": "relu", "init": {"name": "constant", "value": -1.0, "bias": -5.0}}
    trace = train(RULE, model=model, data=BLOBS, loss="cross_entropy", train={"epochs": 30})
    assert trainings.is_silent(RULE, trace)


def test_too_little_to_judge() -> None:
    assert "two updates" in skip(RULE, make_trace(gradients=[1.0, 1.0], changes=[1.0, 1.0]))
    died = {"gradients": [[1.0], [1.0], [0.0]], "changes": [[0.1], [9.0], [0.0]]}
    assert "no constant" in skip(RULE, make_trace(loss=np.ones(3), **died))
