from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_three_times_as_long() -> None:
    assert propose_for("longer-training") == [{"train.epochs": 60}]
