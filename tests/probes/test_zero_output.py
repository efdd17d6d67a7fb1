from __future__ import annotations

import math
from typing import Any

import pytest
from engine.runs import train

from trainlab.config import validate
from trainlab.data import load


def measure(data: dict[str, Any], loss: str, **model: Any) -> float | None:
    values = {"data": data, "loss": loss, "model": model}
    one, two = train(values, {**values, "seed": 1}, probes=["zero-output"])
    assert one.metrics == two.metrics
    return one.metrics["zero_output_loss"]


def test_even_shares_of_classes():
    assert measure({"name": "random", "classes": 7}, "cross_entropy") == pytest.approx(math.log(7))
    assert measure({"name": "moons"}, "bce_logits") == pytest.approx(math.log(2))
    assert measure({"name": "moons"}, "bce", output="sigmoid") == pytest.approx(math.log(2))


@pytest.mark.parametrize(("loss", "power"), [("mse", 2), ("l1", 1)])
def test_the_size_of_the_target(loss, power):
    target = load(validate({"data": {"name": "diabetes"}}).data).train[1]
    assert target is not None
    assert measure({"name": "diabetes"}, loss) == pytest.approx(float(target.double().abs().pow(power).mean()), rel=1e-5)


def test_classes_at_every_step():
    assert measure({"name": "chars"}, "cross_entropy", kind="rnn", width=4) == pytest.approx(3.8918, abs=1e-3)


def test_without_a_target_there_is_none():
    assert measure({"name": "ones"}, "sum") is None
