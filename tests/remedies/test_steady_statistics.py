from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_keep_up_larger_batches_or_none_at_all() -> None:
    patches = propose_for("steady-statistics", model__norm={"name": "batch", "momentum": 0.001})
    assert patches == [{"model.norm.momentum": 0.1}, {"train.batch_size": 128}, {"model.norm": {"name": "layer"}}]


def test_a_momentum_that_keeps_up_stays() -> None:
    assert {"model.norm.momentum": 0.1} not in propose_for("steady-statistics", model__norm="batch")
    assert propose_for("steady-statistics") == []
    assert propose_for("steady-statistics", model__norm="batch", train__batch_size=None) == [{"model.norm": {"name": "layer"}}]
