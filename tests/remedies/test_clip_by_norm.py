from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_by_value_is_replaced_by_norm_is_not() -> None:
    wanted = [{"clip": {"mode": "norm", "threshold": 1.0}}, {"clip": {"mode": "norm", "threshold": 0.1}}]
    assert propose_for("clip-by-norm") == wanted
    assert propose_for("clip-by-norm", clip={"mode": "value", "threshold": 0.5}) == wanted
    assert propose_for("clip-by-norm", clip={"mode": "norm", "threshold": 0.5}) == []


def test_twice_the_typical_norm_where_it_was_measured() -> None:
    assert propose_for("clip-by-norm", "G009", {"median": 0.21})[0]["clip"]["threshold"] == 0.42
    assert propose_for("clip-by-norm", "G009", {"median": float("inf")})[0]["clip"]["threshold"] == 1.0
