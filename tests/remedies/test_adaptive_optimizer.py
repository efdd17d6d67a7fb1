from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_adam_in_place_of_steps_by_the_size_of_the_gradient() -> None:
    assert propose_for("adaptive-optimizer") == [
        {"optimizer.name": "adam", "optimizer.lr": 0.001},
        {"optimizer.name": "adam", "optimizer.lr": 0.01},
        {"optimizer.name": "adam", "optimizer.lr": 0.003},
    ]
    assert propose_for("adaptive-optimizer", optimizer="rmsprop") == []
