from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_none_then_a_share_of_each() -> None:
    patches = propose_for("weaker-penalty", optimizer__weight_decay=3.0, regularize__max_norm=0.1)
    assert patches == [
        {"optimizer.weight_decay": 0.0, "regularize.max_norm": None},
        {"optimizer.weight_decay": 0.03},
        {"optimizer.weight_decay": 0.3},
    ]


def test_dropout_counts_too_and_without_any_there_is_nothing_to_weaken() -> None:
    assert propose_for("weaker-penalty", model__dropout=0.9)[0] == {"model.dropout": 0.0}
    assert propose_for("weaker-penalty", regularize__max_norm=0.1) == [{"regularize.max_norm": None}]
    assert propose_for("weaker-penalty") == []
