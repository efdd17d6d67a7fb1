from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_no_activation_before_a_loss_that_has_its_own() -> None:
    assert propose_for("fitting-loss", model__output="softmax") == [{"model.output": "none"}]
    assert propose_for("fitting-loss") == []


def test_the_loss_of_classes_for_classes() -> None:
    wanted = [{"loss": "cross_entropy", "model.output": "none"}]
    assert propose_for("fitting-loss", "M001", {"task": "multiclass"}, loss="mse", model__output="sigmoid") == wanted
    assert propose_for("fitting-loss", "M001", {"task": "binary"}, loss="mse") == [{"loss": "bce_logits"}]
    assert propose_for("fitting-loss", "M001", {"task": "regression"}, loss="mse") == []


def test_a_softmax_over_one_output() -> None:
    changes = {"data": {"name": "moons"}, "loss": "bce", "model__output": "softmax"}
    assert propose_for("fitting-loss", **changes) == [{"loss": "bce_logits", "model.output": "none"}, {"model.output": "sigmoid"}]
