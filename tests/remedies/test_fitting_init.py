from __future__ import annotations

from tests.remedies.proposing import propose_for

AUTO, DEFAULT = {"model.init": {"name": "auto"}}, {"model.init": {"name": "default"}}


def test_the_scale_of_the_activation_and_biases_of_0_or_what_torch_does() -> None:
    assert propose_for("fitting-init", model__init={"name": "he_normal", "bias": -20.0}) == [AUTO, DEFAULT]
    assert propose_for("fitting-init", model__init={"name": "default", "bias": -20.0}) == [AUTO, DEFAULT]
    assert propose_for("fitting-init", model__init={"name": "auto", "bias": -1.0}) == [AUTO, DEFAULT]
    assert propose_for("fitting-init", model__init="auto") == []
    assert propose_for("fitting-init") == [AUTO]


def test_recurrent_weights_too() -> None:
    patches = propose_for("fitting-init", model={"kind": "lstm", "recurrent_init": {"name": "identity", "gain": 0.01}})
    assert patches == [{**each, "model.recurrent_init": {"name": "orthogonal"}} for each in (AUTO, DEFAULT)]
