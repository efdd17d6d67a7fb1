from __future__ import annotations

from typing import Any

import pytest

from tests.remedies.proposing import propose_for


def propose(*modules: Any) -> list[dict[str, Any]]:
    return propose_for("open-bottleneck", model={"kind": "layers", "modules": list(modules)})


@pytest.mark.parametrize("closed", [{"Softmax": [1]}, {"LayerNorm": [1]}])
def test_one_unit_that_is_normalised_becomes_many(closed: dict[str, Any]) -> None:
    (patch,) = propose({"Linear": [64, 1]}, closed, {"Linear": [1, 10]})
    assert patch == {"model.modules": [{"Linear": [64, 32]}, {"ReLU": []}, {"Linear": [32, 10]}]}


def test_nothing_where_it_lets_the_input_through() -> None:
    assert propose({"Linear": [64, 1]}, "Tanh", {"Linear": [1, 10]}) == []
    assert propose({"Linear": [64, 8]}, {"LayerNorm": [8]}, {"Linear": [8, 10]}) == []
    assert propose_for("open-bottleneck") == []
