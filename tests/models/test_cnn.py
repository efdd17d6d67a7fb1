from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from trainlab.config import validate
from trainlab.errors import UserError

from .networks import draw, list_kinds, list_names, make


def test_convolutions_then_one_fully_connected_layer():
    model = make((1, 8, 8), kind="cnn", layers=3, width=[4, 6])
    shapes = [tuple(each.shape) for each in model.parameters() if each.dim() > 1]
    assert shapes == [(4, 1, 3, 3), (6, 4, 3, 3), (3, 6 * 2 * 2)]
    assert list_names(model)[0] == "model.0.weight"
    assert list_kinds(model) == ["Conv2d", "ReLU", "MaxPool2d", "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"]


def test_computes_what_its_modules_say():
    model = make((2, 5, 6), kind="cnn", width=4, layers=2, kernel=5, activation="tanh", pooling="average", output="sigmoid")
    inputs = draw(7, 2, 5, 6)
    weight, bias, last, last_bias = model.parameters()
    hidden = F.avg_pool2d(torch.tanh(F.conv2d(inputs, weight, bias, padding=2)), 2).flatten(1)
    assert torch.equal(model(inputs), torch.sigmoid(F.linear(hidden, last, last_bias)))


def test_pools_as_long_as_there_is_something_to_pool():
    assert list_kinds(make((1, 5, 8), kind="cnn", layers=6)).count("MaxPool2d") == 2
    model = make((1, 5, 8), kind="cnn", layers=3, width=4, pooling="none")
    assert "MaxPool2d" not in list_kinds(model)
    assert list(model.parameters())[-2].shape == (3, 4 * 5 * 8)


@pytest.mark.parametrize(
    ("norm", "kinds"),
    [
        ("batch", ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Dropout"]),
        ({"name": "batch", "place": "after"}, ["Conv2d", "ReLU", "BatchNorm2d", "MaxPool2d", "Dropout"]),
        ({"name": "layer", "groups": 2}, ["Conv2d", "GroupNorm", "ReLU", "MaxPool2d", "Dropout"]),
    ],
)
def test_norm_and_dropout(norm, kinds):
    model = make((1, 8, 8), kind="cnn", layers=2, norm=norm, dropout=0.3)
    assert list_kinds(model) == [*kinds, "Flatten", "Linear"]
    model.train()
    hidden = model.model[:2](draw(9, 1, 8, 8)) if kinds[1].endswith("Norm2d") else None
    if hidden is not None:
        assert torch.allclose(hidden.mean(dim=(0, 2, 3)), torch.zeros(16, dtype=torch.float64), atol=1e-12)


def test_one_layer_is_the_output():
    assert list_kinds(make((3, 4, 4), kind="cnn", layers=1)) == ["Flatten", "Linear"]


def test_no_target_asks_for_no_number_of_outputs():
    assert make((1, 8, 8), kind="cnn", outputs=None)(draw(2, 1, 8, 8)).shape == (2, 16)
    assert make((1, 8, 8), kind="cnn", layers=1, outputs=None)(draw(2, 1, 8, 8)).shape == (2, 1)


def test_initial_weights_follow_the_rule_and_the_activation():
    model = make((40, 8, 8), kind="cnn", layers=3, width=60, init="auto", output="same")
    first, second, last = [each for each in model.model if isinstance(each, nn.Conv2d | nn.Linear)]
    assert first.weight.var().item() == pytest.approx(2 / (40 * 9), rel=0.05)
    assert second.weight.var().item() == pytest.approx(2 / (60 * 9), rel=0.05)
    assert last.weight.var().item() == pytest.approx(2 / (60 * 4), rel=0.2)
    constant = make((1, 8, 8), kind="cnn", init={"name": "constant", "value": 0.3, "bias": 0.1})
    assert all(torch.allclose(each, torch.full_like(each, 0.3 if each.dim() > 1 else 0.1)) for each in constant.parameters())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"kernel": 4}, "model.kernel: must be odd"),
        ({"width": [3, 4], "layers": 5}, "lists 2 convolutions, but `layers: 5` has 4, the last being the output"),
        (
            {"width": 6, "norm": {"name": "layer", "groups": 4}},
            "model.norm.groups: must divide the channels of every layer, which are 6",
        ),
        ({"norm": "rms"}, "model.norm: is none of the choices"),
        ({"residual": True}, "`cnn` has no `residual`"),
    ],
)
def test_contradictions(model, message):
    with pytest.raises(UserError, match=message):
        validate({"model": {"kind": "cnn", **model}})
