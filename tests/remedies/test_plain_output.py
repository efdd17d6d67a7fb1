from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_the_last_layer_as_it_is() -> None:
    assert propose_for("plain-output", data={"name": "diabetes"}, loss="mse", model__output="tanh") == [{"model.output": "none"}]
    assert propose_for("plain-output") == []


def test_a_loss_that_needs_the_sigmoid_gets_it_inside() -> None:
    changes = {"data": {"name": "moons"}, "loss": "bce", "model__output": "softmax"}
    assert propose_for("plain-output", **changes) == [{"model.output": "none", "loss": "bce_logits"}]
