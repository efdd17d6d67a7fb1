from __future__ import annotations

from tests.remedies.proposing import propose


def test_the_schedule_goes() -> None:
    assert propose("steady-rate", schedule="cosine") == [{"schedule": {"name": "constant"}}]
    assert propose("steady-rate") == []
