"""What the table says of each activation, measured."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from torch import nn

from trainlab.config.activations import ACTIVATIONS

CALCULATED = {
    "identity": "linear",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "leaky_relu": "leaky_relu",
    "selu": "selu",
}
# Not of one shape, with an argument that must be given, or over a dimension
OTHERS = {"GLU", "MultiheadAttention", "Threshold", "Softmin", "Softmax", "Softmax2d", "LogSoftmax"}


def integrate(module: nn.Module) -> float:
    """E[f(z)^2] for z ~ N(0, 1)."""
    z = torch.linspace(-12, 12, 400_001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    with torch.no_grad():
        return float(torch.trapezoid(module.double().eval()(z).square() * density, z))


def test_every_activation_of_torch_is_there():
    there = {
        name
        for name, kind in inspect.getmembers(nn.modules.activation, inspect.isclass)
        if kind.__module__ == nn.modules.activation.__name__
    }
    assert {row.module for row in ACTIVATIONS.values()} == there - OTHERS | {"Identity"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_it_keeps_the_shape(name):
    assert getattr(nn, ACTIVATIONS[name].module)()(torch.ones(2, 3, 4, 5)).shape == (2, 3, 4, 5)


@pytest.mark.parametrize("name", CALCULATED)
def test_gains_that_torch_recommends(name):
    assert ACTIVATIONS[name].gain == pytest.approx(nn.init.calculate_gain(CALCULATED[name]))


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in CALCULATED and name != "rrelu"])
def test_other_gains_keep_the_mean_square_of_a_signal_at_1(name):
    row = ACTIVATIONS[name]
    assert row.gain**2 * integrate(getattr(nn, row.module)()) == pytest.approx(1, abs=1e-5)


def test_the_gain_of_random_slopes():
    low, high = nn.RReLU().lower, nn.RReLU().upper
    slope = (high**3 - low**3) / (3 * (high - low))  # the mean square of what is uniform between them
    assert ACTIVATIONS["rrelu"].gain == pytest.approx(math.sqrt(2 / (1 + slope)), abs=1e-5)
