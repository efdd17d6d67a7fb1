from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules import trainings
from tests.rules.traces import find, is_silent, make_series, make_trace, skip
from tests.rules.trainings import BLOBS, LINE, train
from trainlab.report import Trace
from trainlab.rules.stalled import Stalled

RULE = Stalled()
STUCK = {"train_loss": 1.1, "constant_loss": 1.1, "linear_loss": 0.1}


def standing(level: float = 1.1, *, end: float = 1.0, swing: float = 0.0, metrics: dict[str, Any] = STUCK, **more: Any) -> Trace:
    """Falls from 2 to `level` in ten epochs and stays there, with a gradient of `end` times its beginning."""
    tail = level + swing * (-1.0) ** np.arange(90)
    norms = np.full(100, end)
    norms[:10] = 1.0
    return make_trace(
        loss=[*np.linspace(2.0, level, 10, endpoint=False), *tail],
        total=norms,
        gradients=np.tile(norms[:, None], (1, 3)),
        changes=np.full((100, 3), 0.01),
        metrics=metrics,
        task="multiclass",
        **more,
    )


@pytest.mark.parametrize(
    "model",
    [
        {"layers": 8, "width": 16, "activation": "tanh", "init": {"name": "normal", "std": 0.001}},
        {"layers": 10, "width": 16, "activation": "sigmoid", "init": "auto"},
    ],
)
def test_a_plateau(model: dict[str, Any]) -> None:
    trace = train(RULE, model=model, data=BLOBS, loss="cross_entropy", optimizer={"lr": 0.1}, train={"epochs": 200})
    found = trainings.find(RULE, trace)
    assert (found.severity, found.evidence["kind"]) == ("error", "critical-point")
    assert "near 0" in found.message


def test_a_plateau_under_the_noise_of_batches() -> None:
    model = {"layers": 10, "width": 16, "activation": "sigmoid", "init": "auto"}
    values = {"data": {"name": "digits", "samples": 300}, "loss": "cross_entropy", "optimizer": {"lr": 0.05}}
    trace = train(RULE, model=model, **values, train={"epochs": 20, "batch_size": 32})
    assert trainings.find(RULE, trace).evidence["kind"] == "critical-point"


def test_a_gradient_that_swings() -> None:
    found = find(RULE, standing(swing=0.01, end=0.8))
    assert (found.severity, found.evidence["kind"]) == ("error", "swinging")
    assert found.evidence["gradient"] == pytest.approx(0.8)
    assert "the rate is too high" in found.message
    assert "batches disagree" in find(RULE, standing(swing=0.01, end=0.8, batch_size=10)).message


def test_a_real_valley() -> None:
    """The line, all by the bias, with the rate of the slope at the edge: full batch, and the loss goes up and down in place."""
    model = {"layers": 2, "width": 8, "activation": "tanh"}
    trace = train(
        RULE,
        model=model,
        data=LINE,
        loss="mse",
        optimizer={"name": "adam", "lr": 0.6, "betas": [0.0, 0.1]},
        train={"epochs": 400},
    )
    assert all(found.evidence["kind"] == "swinging" for found in RULE.judge(trace))


@pytest.mark.parametrize(
    "model", [{"layers": 3, "width": 16, "activation": "relu"}, {"layers": 2, "width": 16, "activation": "tanh"}]
)
def test_a_network_that_has_converged(model: dict[str, Any]) -> None:
    for data, loss in ((BLOBS, "cross_entropy"), (LINE, "mse")):
        optimizer = {"name": "adam", "lr": 0.01}
        trace = train(RULE, model=model, data=data, loss=loss, optimizer=optimizer, train={"epochs": 600})
        assert trainings.is_silent(RULE, trace)


def test_labels_that_nothing_can_learn() -> None:
    """At the floor of pure noise nothing lower can be shown to be in reach."""
    data = {"name": "random", "samples": 300, "features": 5, "classes": 3}
    trace = train(
        RULE, model={"layers": 2, "width": 4}, data=data, loss="cross_entropy", optimizer={"lr": 0.5}, train={"epochs": 300}
    )
    assert all("no predictor shows" in each.reason for each in RULE.judge(trace))


def test_a_loss_that_still_falls() -> None:
    assert is_silent(RULE, make_trace(loss=np.linspace(2, 1.1, 100), total=np.ones(100), metrics=STUCK, task="multiclass"))
    slowly = 1.1 - 0.005 * np.arange(90) / 90
    trace = standing(end=0.8)
    loss = make_series([*trace.series["loss"].values[:10], *slowly], per="epoch")
    assert is_silent(RULE, replace(trace, series={**trace.series, "loss": loss}))


def test_a_loss_held_against_the_gradient() -> None:
    assert "penalty" in skip(RULE, standing(end=0.8))
    assert "penalty" in skip(RULE, standing(end=0.8, batch_size=10, weight_decay=0.1))


def test_at_its_floor() -> None:
    assert is_silent(RULE, standing(0.05, end=1e-4, metrics={**STUCK, "train_loss": 0.05}))
    assert is_silent(RULE, standing(0.59, end=1e-4, metrics={**STUCK, "train_loss": 0.59}))
    assert find(RULE, standing(0.61, end=1e-4, metrics={**STUCK, "train_loss": 0.61})).severity == "warning"


def test_a_network_without_bias_cannot_be_held_against_a_constant() -> None:
    model = {
        "layers": 3, "width": 1, "activation": "relu", "output": "same", "init": {"name": "constant", "value": 1.0}, "bias": False,
    }  # fmt: skip
    trace = train(RULE, model=model, data={**LINE, "seed": 42}, loss="mse", optimizer={"lr": 0.01}, train={"epochs": 300})
    assert "no predictor shows" in skip(RULE, trace)


def test_a_collapse_is_told_as_such() -> None:
    trace = train(
        RULE,
        model={"layers": 3, "width": 16, "activation": "relu"},
        data=LINE,
        loss="mse",
        optimizer={"lr": 0.7},
        train={"epochs": 120},
    )
    assert trainings.is_silent(RULE, trace)


def test_too_little_to_judge() -> None:
    assert "finite" in skip(RULE, make_trace(loss=[1.0, np.nan]))
    assert "at least 12 and 100" in skip(RULE, make_trace(loss=np.ones(11)))
    assert "99 updates" in skip(RULE, make_trace(loss=np.ones(40), updates=99))


def test_of_a_plateau_from_the_start_on_all_movement_is_noise() -> None:
    """The loss drifts by a tenth of its own small range, which is next to nothing of what a linear model gains."""
    loss = 1.1 + 0.002 * (-1.0) ** np.arange(100) - 5e-6 * np.arange(100)
    trace = standing(end=0.001)
    trace = replace(trace, series={**trace.series, "loss": make_series(loss, per="epoch")})
    assert find(RULE, trace).evidence["moved"] < 1e-3
