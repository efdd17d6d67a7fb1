from __future__ import annotations

from tests.remedies.proposing import propose


def test_three_times_as_long() -> None:
    assert propose("longer-training") == [{"train.epochs": 60}]
