from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_by_batch_then_by_layer() -> None:
    assert propose_for("normalisation") == [{"model.norm": "batch"}, {"model.norm": "layer"}]
    assert propose_for("normalisation", train__batch_size=1) == [{"model.norm": "layer"}]
    assert propose_for("normalisation", model={"kind": "transformer", "norm": "none"}) == [{"model.norm": "layer"}]


def test_nothing_where_there_is_one_or_can_be_none() -> None:
    assert propose_for("normalisation", model__norm="layer") == []
    assert propose_for("normalisation", model={"kind": "lstm"}) == []
