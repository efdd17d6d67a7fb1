from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_relu_with_its_weights_alone_and_with_help() -> None:
    plain = {"model.activation": "relu", "model.init": {"name": "auto"}}
    assert propose_for("rectifier", model__activation="sigmoid") == [
        plain,
        {**plain, "model.residual": True},
        {**plain, "model.norm": "batch"},
    ]


def test_nothing_where_nothing_saturates() -> None:
    assert propose_for("rectifier") == []
    assert propose_for("rectifier", model={"kind": "gru"}) == []
