from __future__ import annotations

import pytest
import torch

from .networks import draw, make
from .recurrent import assert_equals_torch


@pytest.mark.parametrize("model", [{}, {"layers": 1}, {"layers": 3, "bias": False}])
def test_equals_torch(model):
    assert_equals_torch("gru", **model)


def test_every_gate_starts_by_itself():
    model = make((7, 3), kind="gru", width=6, recurrent_init={"name": "identity", "gain": 0.5}).recurrent
    assert torch.equal(model.weight_hh_l0, 0.5 * torch.eye(6, dtype=torch.float64).repeat(3, 1))


def test_can_be_differentiated_twice():
    model = make((3, 2), kind="gru", width=2)
    assert torch.autograd.gradgradcheck(model, draw(2, 3, 2).requires_grad_())
