from __future__ import annotations

from tests.remedies.proposing import propose


def test_relu_with_its_weights_alone_and_with_help() -> None:
    plain = {"model.activation": "relu", "model.init": {"name": "auto"}}
    assert propose("rectifier", model__activation="sigmoid") == [
        plain,
        {**plain, "model.residual": True},
        {**plain, "model.norm": "batch"},
    ]


def test_nothing_where_nothing_saturates() -> None:
    assert propose("rectifier") == []
    assert propose("rectifier", model={"kind": "gru"}) == []
