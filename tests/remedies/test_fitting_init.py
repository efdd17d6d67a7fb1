from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_the_scale_of_the_activation_and_biases_of_0() -> None:
    assert propose_for("fitting-init", model__init={"name": "he_normal", "bias": -20.0}) == [{"model.init": {"name": "auto"}}]
    assert propose_for("fitting-init", model__init={"name": "auto", "bias": -1.0})
    assert propose_for("fitting-init", model__init="auto") == []


def test_recurrent_weights_too() -> None:
    (patch,) = propose_for("fitting-init", model={"kind": "lstm", "recurrent_init": {"name": "identity", "gain": 0.01}})
    assert patch["model.recurrent_init"] == {"name": "orthogonal"}
