from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.probes.resting import rest
from tests.rules.traces import find, is_silent, make_trace, skip
from tests.rules.trainings import judge
from trainlab.config.loss import PythonLoss
from trainlab.losses import LOSSES
from trainlab.probes.outputs import evaluate
from trainlab.rules.loss_broadcast import ELEMENTWISE, LossBroadcast

RULE = LossBroadcast()


def shapes(prediction: Any, target: Any, loss: str = "mse") -> Any:
    return make_trace(task="regression", objective=loss, arrays={"prediction-shape": prediction, "target-shape": target})


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_the_loss_itself_does_what_the_rule_says() -> None:
    prediction, target = torch.arange(4.0)[:, None], torch.arange(4.0)
    assert LOSSES["mse"](prediction, prediction) == 0
    each = [(float(one) - float(other)) ** 2 for one in prediction for other in target]
    assert LOSSES["mse"](prediction, target) == pytest.approx(sum(each) / 16)
    measured = {name: values[0].numpy() for name, values in evaluate(rest(prediction, target)).items() if values.dim() == 2}
    found = find(RULE, make_trace(task="regression", objective="mse", arrays=measured))
    assert found.evidence == {"prediction": [4, 1], "target": [4], "compared": [4, 4]}


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_shapes_that_broadcast(loss: str) -> None:
    assert find(RULE, shapes([100, 1], [100], loss)).severity == "error"
    assert find(RULE, shapes([100, 10], [100, 1], loss)).evidence["compared"] == [100, 10]
    assert is_silent(RULE, shapes([100, 1], [100, 1], loss))


def test_shapes_that_no_loss_takes_or_that_differ_by_design() -> None:
    assert is_silent(RULE, shapes([100, 3], [100, 2]))
    assert is_silent(RULE, shapes([100, 3], [100], "cross_entropy"))


@pytest.mark.parametrize("model", [{}, {"kind": "gru", "width": 4}])
def test_the_engine_gives_both_the_same_shape(model: Any) -> None:
    for data, loss in (("diabetes", "mse"), ("moons", "bce_logits"), ("digits", "cross_entropy"), ("iris", "mse")):
        assert judge(RULE, {"name": data, "samples": 60}, loss, model=model, epochs=1) == []


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("model", [{"layers": 2, "width": 8}, {"kind": "python", "target": "torch.nn:Linear"}])
@pytest.mark.parametrize(
    ("loss", "compared"),
    [
        ("torch.nn.functional:mse_loss", [353, 353]),
        ("torch.nn.functional:huber_loss", [353, 353]),
        ("tests.zoo.own:squared_error", None),
    ],
)
def test_a_loss_of_the_users_own(model: Any, loss: str, compared: list[int] | None) -> None:
    data = {"name": "python", "target": "sklearn.datasets:load_diabetes", "args": {"return_X_y": True}}
    if "kind" in model:
        model = {**model, "args": {"in_features": 10, "out_features": 1}}
    found = judge(RULE, data, {"name": "python", "target": loss}, model=model, epochs=2)
    assert [each.evidence["compared"] for each in found] == ([] if compared is None else [compared])
    assert compared is None or f"the loss {loss} gets a prediction of shape [353, 1]" in found[0].message


def test_a_loss_of_the_users_own_may_do_as_it_likes() -> None:
    own = PythonLoss(name="python", target="l:l")
    given = {"prediction-shape": [9, 1], "target-shape": [9]}
    compares = {"task": "regression", "objective": own, "arrays": given}
    assert find(RULE, make_trace(**compares, metrics={"paired": 1e-6})).evidence["compared"] == [9, 9]
    assert is_silent(RULE, make_trace(**compares, metrics={"paired": 0.3}))
    assert is_silent(RULE, make_trace(**compares))  # three quantiles of one number, say


def test_too_little_to_judge() -> None:
    assert "not noted" in skip(RULE, shapes([], []))
    assert is_silent(RULE, make_trace(task="none"))
