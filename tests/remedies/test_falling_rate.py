from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_a_cosine_with_and_without_a_warm_up() -> None:
    assert propose_for("falling-rate") == [
        {"schedule": {"name": "cosine"}},
        {"schedule": {"name": "cosine", "warmup": 2, "warmup_per": "epoch"}},
    ]


def test_nothing_beside_a_schedule_or_in_a_short_training() -> None:
    assert propose_for("falling-rate", schedule="step") == []
    assert propose_for("falling-rate", train__epochs=4) == []
    assert len(propose_for("falling-rate", schedule__warmup=5)) == 1
