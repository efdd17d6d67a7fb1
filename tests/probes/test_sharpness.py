from __future__ import annotations

import numpy as np
import pytest

from tests.engine.runs import train
from tests.probes.toy import TOY, look


def test_next_to_every_place_on_the_circle() -> None:
    """Around (1, 1) at a distance of 0.1 sqrt 2: the adversary finds the highest, and no random place is higher."""
    trace = look(1.0, 1.0, "sharpness=0.1")
    radius = 0.1 * 2**0.5
    angles = np.linspace(0, 2 * np.pi, 100_001)
    losses = (1 - (1 + radius * np.cos(angles)) * (1 + radius * np.sin(angles))) ** 2
    assert trace.metrics["sharp_radius"] == pytest.approx(radius)
    assert trace.metrics["sharp_adversarial"] == pytest.approx(losses.max(), rel=1e-6)
    assert trace.metrics["sharp_worst"] <= losses.max()
    assert trace.metrics["sharp_random"] == pytest.approx(losses.mean(), rel=0.5)


def test_the_radius_can_be_set_and_has_a_default() -> None:
    assert look(3.0, 4.0, "sharpness").metrics["sharp_radius"] == pytest.approx(0.25)
    assert look(3.0, 4.0, "sharpness=0.2").metrics["sharp_radius"] == pytest.approx(1.0)


def test_a_sharper_minimum_of_the_same_loss_is_sharper() -> None:
    flat, sharp = (look(first, 1 / first, "sharpness").metrics for first in (1.0, 4.0))
    assert sharp["sharp_adversarial"] > 4 * flat["sharp_adversarial"]
    assert sharp["sharp_random"] > flat["sharp_random"]


def test_weights_that_are_next_to_nothing_are_moved_all_the_same() -> None:
    found = look(0.0, 0.0, "sharpness=0.5").metrics
    assert found["sharp_radius"] == pytest.approx(0.05 * 2**0.5)
    assert found["sharp_adversarial"] > 1.0


def test_a_run_that_left_the_finite_numbers_is_not_measured() -> None:
    (trace,) = train({**TOY, "weights": [30.0, 30.0], "optimizer": {"lr": 10.0}, "train": {"epochs": 30}}, probes=["sharpness"])
    assert trace.metrics["sharp_random"] is None
