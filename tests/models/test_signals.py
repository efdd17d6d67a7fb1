"""How a signal fares through 30 layers, by initialisation: the variances of Glorot & Bengio (2010) and He et al. (2015)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainlab.config import validate
from trainlab.models import build


def measure(activation: str, init: Any, *, width: int = 256, layers: int = 30, seed: int = 0) -> list[float]:
    """Mean square of what leaves each linear layer, before the activation, for inputs N(0, 1)."""
    spec = {"layers": layers, "width": width, "activation": activation, "init": init, "bias": False, "output": "same"}
    model = build(validate({"model": spec}).model, features=width, outputs=width, seed=seed)
    signal = torch.randn(500, width, generator=torch.Generator().manual_seed(seed))
    squares = []
    with torch.no_grad():
        for module in model.model:
            signal = module(signal)
            if isinstance(module, nn.Linear):
                squares.append(float(signal.square().mean()))
    return squares


@pytest.mark.parametrize(
    ("activation", "init", "first", "last"),
    [
        ("identity", "auto", (0.95, 1.05), (0.7, 1.4)),
        ("relu", "auto", (1.9, 2.1), (0.3, 4.5)),
        ("selu", "auto", (0.95, 1.05), (0.9, 1.1)),
        ("tanh", "auto", (0.95, 1.05), (0.012, 0.024)),
        ("tanh", {"name": "xavier_normal", "gain": "auto"}, (2.7, 2.9), (1.05, 1.3)),
        ("elu", "auto", (1.9, 2.1), (8, 50)),
        ("gelu", "auto", (1.9, 2.1), (1e-6, 0.03)),
    ],
)
def test_what_is_left_of_a_signal(activation, init, first, last):
    for seed in range(3):
        squares = measure(activation, init, seed=seed)
        assert first[0] < squares[0] < first[1]
        assert last[0] < squares[-1] < last[1]


def test_weights_much_too_large_multiply_the_variance_by_half_the_width():
    squares = measure("relu", {"name": "normal", "std": 1.0}, width=100, layers=10)
    assert squares[0] == pytest.approx(100, rel=0.1)
    assert (squares[-1] / squares[0]) ** (1 / 9) == pytest.approx(50, rel=0.15)


def test_weights_much_too_small_leave_exactly_nothing():
    assert measure("relu", {"name": "normal", "std": 0.01}, width=64)[-1] == 0


def test_he_with_the_gain_of_the_activation_is_lecun_with_it():
    he, lecun = (measure("silu", {"name": f"{name}_normal", "gain": "auto"}, layers=3) for name in ("he", "lecun"))
    assert he == pytest.approx(lecun, rel=1e-5)
    assert measure("relu", {"name": "he_normal", "gain": "auto"}) == pytest.approx(measure("relu", "he_normal"), rel=1e-4)


def test_batch_norm_makes_the_scale_of_the_weights_immaterial():
    """Their gradient shrinks as they grow: Ioffe & Szegedy (2015), section 3.3."""
    spec = {"layers": 2, "width": 8, "output": "same", "norm": {"name": "batch", "eps": 1e-300}, "bias": False}
    outputs, slopes = [], []
    for scale in (1.0, 10.0, 100.0):
        model = build(validate({"model": spec}).model, features=4, outputs=3, seed=0).double().train()
        with torch.no_grad():
            model.model[0].weight *= scale
        output = model(torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
        (slope,) = torch.autograd.grad(output.square().sum() + output.sum(), model.model[0].weight)
        outputs.append(output.detach())
        slopes.append(float(slope.norm()))
    assert torch.allclose(outputs[0], outputs[2], rtol=0, atol=1e-12)
    assert [slopes[0] / slope for slope in slopes] == pytest.approx([1, 10, 100], rel=1e-9)
