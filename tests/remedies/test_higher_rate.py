from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_ten_times_first() -> None:
    rates = [patch["optimizer.lr"] for patch in propose_for("higher-rate", optimizer__lr=1e-5)]
    assert rates == [
        1e-4,
        1e-3,
        3e-5,
        1e-2,
        3e-4,
        3e-3,
    ]


def test_updates_that_are_too_large_are_not_lengthened() -> None:
    assert propose_for("higher-rate", "G008", {"ratio": 0.5}) == []
    assert propose_for("higher-rate", "G008", {"ratio": 1e-8})


def test_a_rate_of_0_has_no_multiple() -> None:
    assert propose_for("higher-rate", optimizer__lr=0.0) == []
