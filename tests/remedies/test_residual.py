from __future__ import annotations

from tests.remedies.proposing import propose


def test_where_there_are_none() -> None:
    assert propose("residual") == [{"model.residual": True}]
    assert propose("residual", model__residual=True) == []
    assert propose("residual", model={"kind": "cnn"}) == []
