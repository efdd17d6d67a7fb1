from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_more_units_then_a_layer_more() -> None:
    assert propose_for("larger-network", model__width=2) == [
        {"model.width": 32},
        {"model.width": 8},
        {"model.layers": 3, "model.width": 32},
    ]
    (eight, four) = propose_for("larger-network", model={"layers": 3, "width": [2, 10]})
    assert (eight, four) == ({"model.width": [32, 80]}, {"model.width": [8, 40]})


def test_a_multiple_of_the_heads() -> None:
    for patch in propose_for("larger-network", model={"kind": "transformer", "width": 3, "heads": 3}):
        assert patch["model.width"] % 3 == 0


def test_of_what_is_large_twice_as_much() -> None:
    widths = [patch["model.width"] for patch in propose_for("larger-network", model={"kind": "lstm", "width": 100})]
    assert widths == [512, 400]
    widths = [patch["model.width"] for patch in propose_for("larger-network", model={"kind": "lstm", "width": 600})]
    assert widths == [1200, 1200]
