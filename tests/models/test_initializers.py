from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from trainlab.config.activations import ACTIVATIONS
from trainlab.config.model import ByRule, Constant, Normal, Scaled, Uniform
from trainlab.models.initializers import initialize

IN, OUT = 300, 200
VARIANCE = {"xavier": 2 / (IN + OUT), "he": 2 / IN, "lecun": 1 / IN}


def draw(init, activation="relu", module=None) -> nn.Module:
    torch.manual_seed(0)
    module = nn.Linear(IN, OUT) if module is None else module
    initialize(module, init, activation)
    return module


@pytest.mark.parametrize("shape", ["uniform", "normal"])
@pytest.mark.parametrize("family", VARIANCE)
def test_scaled_rules_have_the_variance_of_their_papers(family, shape):
    if (family, shape) == ("orthogonal", "normal"):
        return
    weight = draw(Scaled(name=f"{family}_{shape}")).weight
    assert weight.mean().item() == pytest.approx(0, abs=0.01)
    assert weight.var().item() == pytest.approx(VARIANCE[family], rel=0.03)
    bound = math.sqrt(3 * VARIANCE[family])
    assert (weight.abs().max().item() <= bound + 1e-6) == (shape == "uniform")


def test_the_gain_multiplies_the_spread():
    one, three = (draw(Scaled(name="he_normal", gain=gain)).weight for gain in (1.0, 3.0))
    assert torch.allclose(three, 3 * one)


def test_filters_count_their_field():
    weight = draw(Scaled(name="he_normal"), module=nn.Conv2d(40, 30, 3)).weight
    assert weight.var().item() == pytest.approx(2 / (40 * 9), rel=0.05)


def test_orthogonal_rows():
    weight = draw(Scaled(name="orthogonal", gain=2.0)).weight
    assert torch.allclose(weight @ weight.T, 4 * torch.eye(OUT), atol=1e-4)


@pytest.mark.parametrize(
    ("init", "mean", "std"),
    [
        (Constant(value=0.7), 0.7, 0),
        (ByRule(name="zeros"), 0, 0),
        (Normal(mean=0.2, std=0.5), 0.2, 0.5),
        (Uniform(low=-1.0, high=3.0), 1, 4 / math.sqrt(12)),
    ],
)
def test_plain_rules(init, mean, std):
    layer = draw(init)
    assert layer.weight.mean().item() == pytest.approx(mean, abs=0.02)
    assert layer.weight.std().item() == pytest.approx(std, abs=0.02)
    assert not layer.bias.any()


@pytest.mark.parametrize("activation", [*ACTIVATIONS, "softmax"])
def test_auto_picks_the_rule_of_the_activation(activation):
    """Glorot for none, tanh, sigmoid, softmax; He for ReLU and its variants; LeCun for SELU."""
    rectifying = [
        "relu",
        "leaky_relu",
        "prelu",
        "rrelu",
        "elu",
        "celu",
        "gelu",
        "silu",
        "mish",
        "hardswish",
        "softplus",
        "logsigmoid",
        "relu6",
    ]
    family = "lecun" if activation == "selu" else "he" if activation in rectifying else "xavier"
    layer = draw(ByRule(name="auto"), activation)
    assert layer.weight.var().item() == pytest.approx(VARIANCE[family], rel=0.03)
    assert not layer.bias.any()


def test_default_keeps_what_torch_has_drawn():
    torch.manual_seed(0)
    theirs = nn.Linear(IN, OUT)
    ours = draw(ByRule())
    assert torch.equal(ours.weight, theirs.weight)
    assert torch.equal(ours.bias, theirs.bias)
    assert (draw(ByRule(bias=0.3)).bias == 0.3).all()


def test_a_bias_may_be_given_to_every_rule():
    for init in (Constant(bias=0.1), Normal(bias=0.1), Uniform(bias=0.1), Scaled(bias=0.1), ByRule(name="auto", bias=0.1)):
        assert torch.allclose(draw(init).bias, torch.tensor(0.1))


def test_a_normalisation_is_left_alone():
    norm = draw(Constant(value=5.0), module=nn.BatchNorm1d(4))
    assert (norm.weight == 1).all()
    assert not norm.bias.any()
    assert isinstance(draw(Constant(value=5.0), module=nn.ReLU()), nn.ReLU)
