from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainlab.config import validate
from trainlab.errors import UserError
from trainlab.models import build


def make(modules: list[Any], **model: Any) -> nn.Module:
    return build(validate({"model": {"kind": "layers", "modules": modules, **model}}).model, features=4, outputs=None, seed=0)


def test_modules_in_a_row_with_positional_and_named_arguments():
    model = make(
        [{"Linear": [4, 8]}, "ReLU", {"Dropout": {"p": 0.3}}, {"Linear": {"in_features": 8, "out_features": 2, "bias": False}}]
    )
    assert [name for name, _ in model.named_parameters()] == ["model.0.weight", "model.0.bias", "model.3.weight"]
    assert model.model[2].share == 0.3
    inputs = torch.ones(3, 4)
    model.eval()
    assert torch.equal(model(inputs), model.model[3](model.model[1](model.model[0](inputs))))


def test_initial_weights_follow_the_activation_that_comes_next():
    wide = {"Linear": [400, 400]}
    modules = [wide, {"BatchNorm1d": [400]}, "ReLU", wide, wide, "SELU", wide]
    weights = [each.weight for each in make(modules, init="auto").model if isinstance(each, nn.Linear)]
    assert [weight.var().item() * 400 for weight in weights] == pytest.approx([2, 1, 1, 1], rel=0.05)
    assert len(make(["Flatten", "ReLU"], init="auto").model) == 2


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([{"Linear": [4, 2]}, "Relu"], r"model.modules.1: is no module of torch.nn \(got Relu\); did you mean 'ReLU'"),
        (["functional"], "model.modules.0: is no module of torch.nn"),
        ([{"Linear": [4]}], r"model.modules.0: Linear refuses these arguments: .*out_features"),
        ([{"Linear": {"inputs": 4}}], "Linear refuses these arguments: .*inputs"),
        ([{"Linear": ["a", "b"]}], "Linear refuses these arguments"),
        ([{"LazyLinear": [4]}], "model.modules.0: must be told its sizes .*did you mean 'Linear'"),
    ],
)
def test_mistakes(modules, message):
    with pytest.raises(UserError, match=message):
        make(modules)
