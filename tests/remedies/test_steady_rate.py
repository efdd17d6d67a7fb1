from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_the_schedule_goes() -> None:
    assert propose_for("steady-rate", schedule="cosine") == [{"schedule": {"name": "constant"}}]
    assert propose_for("steady-rate") == []
