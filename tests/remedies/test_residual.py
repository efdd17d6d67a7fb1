from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_where_there_are_none() -> None:
    (alone,) = propose_for("residual")
    assert alone == {"model.residual": True}
    with_norm, _ = propose_for("residual", model__layers=20)
    assert with_norm == {"model.residual": True, "model.norm": "batch", "model.init": {"name": "auto"}}
    assert propose_for("residual", model__layers=20, model__norm="layer") == [alone]
    assert propose_for("residual", model__layers=20, train__batch_size=1) == [alone]
    assert propose_for("residual", model__residual=True) == []
    assert propose_for("residual", model={"kind": "cnn"}) == []
