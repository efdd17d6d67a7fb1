from __future__ import annotations

from tests.remedies.proposing import propose


def test_adam_in_place_of_steps_by_the_size_of_the_gradient() -> None:
    assert propose("adaptive-optimizer") == [{"optimizer.name": "adam", "optimizer.lr": 0.001}]
    assert propose("adaptive-optimizer", optimizer="rmsprop") == []
