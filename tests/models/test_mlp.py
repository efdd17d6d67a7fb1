from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainlab.config import validate
from trainlab.models import build

INPUTS = torch.linspace(-1, 2, 12).reshape(4, 3)


def make(*, features: int = 3, outputs: int | None = 2, seed: int = 0, **model: Any) -> nn.Module:
    return build(validate({"model": model}).model, features=features, outputs=outputs, seed=seed)


def kinds(model: nn.Module) -> list[str]:
    return [type(module).__name__ for module in model.model]


def test_the_chain_of_the_source_has_its_names():
    model = make(features=1, outputs=None, layers=30, width=1, activation="sigmoid", output="same", bias=False)
    assert [name for name, _ in model.named_parameters()] == [f"model.{index}.weight" for index in range(0, 59, 2)]
    assert kinds(model) == ["Linear", "Sigmoid"] * 30


def test_sizes():
    def shapes(**model):
        return [tuple(each.weight.shape) for each in make(**model).model if isinstance(each, nn.Linear)]

    assert shapes(layers=1) == [(2, 3)]
    assert shapes(layers=3, width=7) == [(7, 3), (7, 7), (2, 7)]
    assert shapes(layers=3, width=[7, 5]) == [(7, 3), (5, 7), (2, 5)]
    assert shapes(layers=2, width=7, outputs=None) == [(7, 3), (7, 7)]
    assert shapes(layers=2, width=[6], outputs=None) == [(6, 3), (6, 6)]
    assert shapes(layers=1, width=7, outputs=None) == [(7, 3)]


def test_outputs_of_the_section_come_first():
    model = build(validate({"model": {"outputs": 5}}).model, features=3, outputs=2, seed=0)
    assert model(INPUTS).shape == (4, 5)


@pytest.mark.parametrize(
    ("output", "last"), [("none", "Linear"), ("same", "Tanh"), ("sigmoid", "Sigmoid"), ("softmax", "Softmax"), ("relu", "ReLU")]
)
def test_the_output_activation(output, last):
    model = make(activation="tanh", output=output)
    assert kinds(model)[:2] == ["Linear", "Tanh"]
    assert kinds(model)[-1] == last
    if output == "softmax":
        assert torch.allclose(model(INPUTS).sum(dim=1), torch.ones(4))


def test_norms_stand_before_or_after_the_activation_and_not_on_the_output():
    assert kinds(make(layers=3, norm="batch")) == ["Linear", "BatchNorm1d", "ReLU"] * 2 + ["Linear"]
    assert kinds(make(layers=2, norm={"name": "layer", "place": "after"})) == ["Linear", "ReLU", "LayerNorm", "Linear"]
    assert kinds(make(layers=2, norm="rms", output="same")) == ["Linear", "RMSNorm", "ReLU"] * 2
    assert kinds(make(layers=1, input_norm="batch", input_dropout=0.1)) == ["BatchNorm1d", "Dropout", "Linear"]


def test_the_settings_of_a_norm_reach_it():
    batch = make(norm={"name": "batch", "momentum": 0.3, "eps": 0.1, "affine": False}).model[1]
    assert (batch.momentum, batch.eps, batch.affine, batch.num_features) == (0.3, 0.1, False, 32)
    for name in ("layer", "rms"):
        norm = make(norm={"name": name, "eps": 0.2, "affine": False}).model[1]
        assert (norm.eps, norm.elementwise_affine, norm.normalized_shape) == (0.2, False, (32,))


def test_dropout_stands_behind_hidden_layers_only():
    model = make(layers=3, dropout=0.4)
    assert kinds(model) == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]
    assert model.model[2].share == 0.4


def test_without_bias():
    assert all(name.endswith("weight") for name, _ in make(layers=3, bias=False).named_parameters())


def residual_by_hand(model: nn.Module, sums: list[bool]) -> torch.Tensor:
    hidden, modules = INPUTS, list(model.model)
    for adds in sums:
        layer = modules.pop(0)(hidden)
        if modules and not isinstance(modules[0], nn.Linear):
            layer = modules.pop(0)(layer)
        hidden = hidden + layer if adds else layer
    assert not modules
    return hidden


@pytest.mark.parametrize(
    ("model", "outputs", "sums"),
    [
        ({"layers": 3, "width": 3, "output": "same"}, 3, [True, True, True]),
        ({"layers": 3, "width": 3}, 3, [True, True, True]),
        ({"layers": 3, "width": 5}, 3, [False, True, False]),
        ({"layers": 3, "width": [5, 3]}, 3, [False, False, True]),
        ({"layers": 2, "width": 3, "output": "sigmoid"}, 3, [True, False]),  # a sum would leave the range of the sigmoid
        ({"layers": 2, "width": 3, "output": "softmax"}, 3, [True, False]),
    ],
)
def test_residual_sums_wherever_shapes_allow_it(model, outputs, sums):
    network = make(outputs=outputs, residual=True, **model)
    assert torch.equal(network(INPUTS), residual_by_hand(network, sums))


def test_what_normalises_the_input_is_no_residual_layer():
    network = make(outputs=3, layers=1, residual=True, input_norm={"name": "layer", "affine": False})
    normal = nn.functional.layer_norm(INPUTS, (3,))
    assert torch.allclose(network(INPUTS), normal + network.model[1](normal))


def test_auto_initialisation_knows_the_activation_of_each_layer():
    model = make(features=400, outputs=400, layers=2, width=400, activation="relu", output="tanh", init="auto")
    assert model.model[0].weight.var().item() == pytest.approx(2 / 400, rel=0.05)
    assert model.model[2].weight.var().item() == pytest.approx(1 / 400, rel=0.05)
