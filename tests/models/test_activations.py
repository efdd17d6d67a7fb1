from __future__ import annotations

import pytest
import torch
from torch import nn

from trainlab.config.activations import ACTIVATIONS
from trainlab.models.activations import BOUNDS, NAMES, RECTIFIERS, build_activation

INPUTS = torch.linspace(-200, 200, 4001)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_can_be_built_and_computes(name):
    module = build_activation(name)
    assert type(module) is getattr(nn, ACTIVATIONS[name].module)
    assert torch.isfinite(module(INPUTS)).all()
    assert build_activation(name) is not module


def test_softmax_goes_over_the_last_dimension():
    assert torch.allclose(build_activation("softmax")(torch.randn(2, 3, 4)).sum(dim=-1), torch.ones(2, 3))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_the_table_says_of_bounds_and_of_rectifying_is_true(name):
    outputs = build_activation(name)(INPUTS)
    kind = ACTIVATIONS[name].module
    if kind in BOUNDS:
        low, high = BOUNDS[kind]
        assert outputs.min().item() == pytest.approx(low, abs=0.006)
        assert outputs.max().item() == pytest.approx(high, abs=0.006)
    if kind in RECTIFIERS:
        assert (outputs[INPUTS < 0] == 0).all()
    else:
        assert not (outputs[(INPUTS < 0) & (INPUTS > -5)] == 0).all()


def test_a_module_leads_back_to_its_name():
    assert NAMES["ReLU"] == "relu"
    assert NAMES["SELU"] == "selu"
    assert "Identity" not in NAMES
