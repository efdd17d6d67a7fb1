from __future__ import annotations

from tests.remedies.proposing import propose, propose_for


def test_all_classes_count_alike() -> None:
    assert propose_for("class-weights") == [{"data.class_weights": "balanced"}]
    assert propose_for("class-weights", "D004", loss="mse") == [{"data.class_weights": "balanced"}]


def test_nothing_where_they_have_weights_or_the_loss_knows_no_classes() -> None:
    assert propose("class-weights", data__class_weights=[1, 2]) == []
    assert propose("class-weights", data={"name": "ones"}) == []
    assert propose("class-weights", loss="mse") == []
    assert propose("class-weights", loss="sum") == []
    assert propose("class-weights", loss={"name": "python", "target": "torch.nn:CrossEntropyLoss"}) == []
