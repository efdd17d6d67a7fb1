from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules import trainings
from tests.rules.traces import find, is_silent, make_series, make_trace, skip
from tests.rules.trainings import BLOBS, train
from trainlab.rules.loss_spike import LossSpike

RULE = LossSpike()
DIGITS: dict[str, Any] = {
    "data": {"name": "digits", "samples": 300},
    "loss": "cross_entropy",
    "train": {"epochs": 60, "batch_size": 40},
}
FALL = 0.1 + 2.0 * 0.9 ** np.arange(60)


def jumping(*epochs: int, height: float = 1.5, over: int = 1) -> np.ndarray:
    loss = FALL.copy()
    for epoch in epochs:
        loss[epoch : epoch + over] += height
    return loss


@pytest.mark.parametrize(
    ("model", "name", "lr", "factor"),
    [
        ({"layers": 3, "width": 16, "activation": "tanh"}, "adam", 0.01, 10.0),
        ({"layers": 3, "width": 32, "activation": "relu", "norm": "batch"}, "sgd", 0.2, 10.0),
        ({"kind": "cnn", "activation": "tanh"}, "adam", 0.01, 30.0),
    ],
)
def test_a_schedule_that_kicks(model: dict[str, Any], name: str, lr: float, factor: float) -> None:
    values = {"model": model, "optimizer": {"name": name, "lr": lr}, **DIGITS}
    kick = {"name": "piecewise", "boundaries": [20, 21], "values": [1, factor, 1]}
    found = trainings.find(RULE, train(RULE, **values, schedule=kick))
    assert found.evidence["after"] == "schedule"
    assert found.evidence["spikes"] == 1
    assert found.evidence["epochs"][0] in (21, 22)
    assert found.evidence["rate"] == pytest.approx(factor * lr)
    assert trainings.is_silent(RULE, train(RULE, **values))


@pytest.mark.parametrize("batch_size", [2, 16, None])
def test_a_sound_run_whatever_its_noise(batch_size: int | None) -> None:
    model = {"layers": 3, "width": 16, "activation": "relu"}
    optimizer = {"name": "adam", "lr": 0.01}
    trace = train(
        RULE, model=model, data=BLOBS, loss="cross_entropy", optimizer=optimizer, train={"epochs": 60, "batch_size": batch_size}
    )
    assert trainings.is_silent(RULE, trace)


def test_a_short_spike_is_worth_knowing_and_many_make_it_suffer() -> None:
    found = find(RULE, make_trace(loss=jumping(30)))
    assert (found.severity, found.evidence["spikes"], found.evidence["epochs"]) == ("info", 1, [31])
    assert found.evidence["after"] == "not measured"
    found = find(RULE, make_trace(loss=jumping(20, 30, 40)))
    assert (found.severity, found.evidence["epochs"]) == ("warning", [21, 31, 41])
    assert find(RULE, make_trace(loss=jumping(30, over=4))).evidence["lost"] == pytest.approx(4 / 60)


def test_the_rate_that_stayed_is_not_the_cause() -> None:
    trace = make_trace(loss=jumping(30))
    rates = make_series(np.full(100, 0.1))
    found = find(RULE, replace(trace, series={**trace.series, "learning-rate": rates}))
    assert (found.evidence["after"], found.evidence["rate"]) == ("nothing seen", 0.1)


def test_a_run_that_does_not_come_back_has_no_spike() -> None:
    assert is_silent(RULE, make_trace(loss=jumping(30, over=30)))
    loss = jumping(30, height=1e6)
    loss[31:] = 50.0  # far below the jump, and far above all that was learned
    assert is_silent(RULE, make_trace(loss=loss))


def test_a_small_jump_and_one_of_a_loss_near_zero() -> None:
    assert is_silent(RULE, make_trace(loss=jumping(30, height=0.4)))
    loss = 2.0 * 0.5 ** np.arange(60)
    loss[40] = 1e-3
    assert is_silent(RULE, make_trace(loss=loss))


def test_noise_hides_a_jump() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 60)
    assert is_silent(RULE, make_trace(loss=1 + FALL + noise))
    assert is_silent(RULE, make_trace(loss=jumping(30, height=1.2) + 1 + noise))


def test_too_little_to_judge() -> None:
    assert "19 epochs" in skip(RULE, make_trace(loss=FALL[:19]))
    assert "finite" in skip(RULE, make_trace(loss=[*FALL, np.inf]))
