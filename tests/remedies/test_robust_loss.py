from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_only_in_place_of_the_squared_one() -> None:
    assert propose_for("robust-loss", data={"name": "diabetes"}, loss="mse") == [{"loss": "huber"}, {"loss": "l1"}]
    assert propose_for("robust-loss") == []
