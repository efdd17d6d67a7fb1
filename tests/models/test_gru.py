from __future__ import annotations

import pytest
import torch
from torch.func import functional_call, vmap

from .networks import draw, make
from .recurrent import STACKED, assert_equals_torch, assert_last_is_enough, assert_stacks


@pytest.mark.parametrize("model", [{}, {"layers": 1}, {"layers": 3, "bias": False}])
def test_equals_torch(model):
    assert_equals_torch("gru", **model)


def test_every_gate_starts_by_itself():
    model = make((7, 3), kind="gru", width=6, recurrent_init={"name": "identity", "gain": 0.5}).recurrent
    assert torch.equal(model.weight_hh_l0, 0.5 * torch.eye(6, dtype=torch.float64).repeat(3, 1))


def test_can_be_differentiated_twice():
    model = make((3, 2), kind="gru", width=2)
    assert torch.autograd.gradgradcheck(model, draw(2, 3, 2).requires_grad_())


def test_runs_side_by_side_are_runs_by_themselves():
    model = make((5, 3), kind="gru", width=4, layers=2)
    weights = {name: torch.stack([parameter, parameter / 2]).detach() for name, parameter in model.named_parameters()}
    inputs = draw(6, 5, 3)
    side_by_side = vmap(lambda each: functional_call(model, each, (inputs,)))(weights)
    for run in range(2):
        alone = functional_call(model, {name: each[run] for name, each in weights.items()}, (inputs,))
        assert torch.allclose(side_by_side[run], alone, rtol=0, atol=1e-15)


@pytest.mark.parametrize("model", [{}, {"residual": True}, {"dropout": 0.5}])
def test_the_last_state_has_the_gradients_that_it_has_among_all(model):
    assert_last_is_enough("gru", **model)


@pytest.mark.parametrize("name", STACKED)
def test_a_stack_computes_what_each_run_does(name):
    assert_stacks("gru", **STACKED[name])


@pytest.mark.parametrize("model", [{"layers": 2, "dropout": 0.1}, {"output": "prelu"}])
def test_what_has_to_be_mapped(model):
    assert not make((5, 3), kind="gru", **model).can_stack
