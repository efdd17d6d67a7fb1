from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_a_tenth_first() -> None:
    assert [patch["optimizer.lr"] for patch in propose_for("lower-rate", optimizer__lr=0.3)] == [0.03, 0.003, 0.1, 3e-4, 0.01, 1e-3]


def test_updates_that_are_too_small_are_not_shortened() -> None:
    assert propose_for("lower-rate", "G008", {"ratio": 1e-8}) == []
    assert propose_for("lower-rate", "G008", {"ratio": 0.5})
    assert propose_for("lower-rate", "G002", {"ratio": 1e-8})  # another ratio


def test_a_rate_of_0_has_no_tenth() -> None:
    assert propose_for("lower-rate", optimizer__lr=0.0) == []
