from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_where_there_are_none() -> None:
    assert propose_for("residual") == [{"model.residual": True}]
    assert propose_for("residual", model__residual=True) == []
    assert propose_for("residual", model={"kind": "cnn"}) == []
