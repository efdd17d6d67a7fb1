from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.runs import train
from tests.probes.resting import rest
from trainlab.probes.mc_dropout import PASSES, evaluate

DROPS = {"model.0": "Linear", "model.1": "Dropout"}
HALVES = math.sqrt(PASSES / (PASSES - 1)) / 2  # standard deviation of 0 and 1 in turn
VALUES: dict[str, Any] = {
    "data": {"name": "wine", "standardize": True},
    "loss": "cross_entropy",
    "model": {"width": 20, "dropout": 0.5},
    "train": {"epochs": 5},
}


def test_mean_and_spread_over_the_passes() -> None:
    inputs, target = torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0], [1.0]])

    def drop(x: torch.Tensor, number: int | None) -> torch.Tensor:
        return x if number is None else x + 3 * (number % 2)  # every other pass moves the logit by 3

    found = evaluate(rest(inputs, target, test=(inputs, target), dropping=drop, loss="bce_logits", task="binary", kinds=DROPS))
    high, low, moved = (1 / (1 + math.exp(-z)) for z in (1.0, -1.0, 2.0))
    assert found["mc_passes"].tolist() == [PASSES]
    assert found["rest-sure"][0].tolist() == pytest.approx([high, 1 - low])
    assert found["mc-sure"][0, 1].item() == pytest.approx((1 - low + 1 - moved) / 2)
    assert found["mc-spread"][0, 1].item() == pytest.approx((moved - low) * HALVES)
    assert found["mc-correct"].tolist() == [[1, 1]]  # at rest the second is wrong
    assert found["mc_test_accuracy"].tolist() == [1]


def test_numbers() -> None:
    inputs = torch.tensor([[1.0], [3.0]])
    found = evaluate(rest(inputs, inputs, test=(inputs, inputs), dropping=lambda x, at: x + ((at or 0) % 2), kinds=DROPS))
    assert found["mc_test_r2"].tolist() == [pytest.approx(1 - 0.25)]
    assert found["mc-spread"][0].tolist() == pytest.approx([HALVES] * 2)


def test_nothing_without_dropout_or_a_test_part() -> None:
    inputs = torch.tensor([[1.0]])
    assert evaluate(rest(inputs, inputs, test=(inputs, inputs))) == {}
    assert evaluate(rest(inputs, inputs, kinds=DROPS)) == {}


def test_passes_are_the_runs_own_whatever_trains_beside_it() -> None:
    (alone,) = train(VALUES, probes=["mc-dropout"])
    other = VALUES | {"model": VALUES["model"] | {"dropout": 0.1}}
    beside = train(other, VALUES, VALUES | {"seed": 3}, probes=["mc-dropout"])
    assert np.array_equal(alone.arrays["mc-spread"], beside[1].arrays["mc-spread"])
    assert beside[0].arrays["mc-spread"].mean() < 0.7 * alone.arrays["mc-spread"].mean()  # its own share is dropped
    assert not np.array_equal(alone.arrays["mc-spread"], beside[2].arrays["mc-spread"])


def test_torchs_own_dropout_drops_and_batch_norm_stays_at_rest() -> None:
    modules = [{"Linear": [13, 20]}, {"BatchNorm1d": [20]}, "ReLU", {"Dropout": [0.5]}, {"Linear": [20, 3]}]
    (trace,) = train(VALUES | {"model": {"kind": "layers", "modules": modules}}, probes=["mc-dropout"])
    assert trace.metrics["mc_passes"] == PASSES
    assert trace.arrays["mc-spread"].min() > 0
