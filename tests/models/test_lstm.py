from __future__ import annotations

import pytest
import torch
from torch.func import functional_call, vmap

from trainlab.models.lstm import LSTMLayers

from .networks import draw, list_names, make
from .recurrent import STACKED, assert_equals_torch, assert_last_is_enough, assert_stacks, measure_growth


@pytest.mark.parametrize("model", [{}, {"layers": 1}, {"layers": 3, "bias": False}])
def test_equals_torch(model):
    assert_equals_torch("lstm", **model)


def test_the_names_of_the_parameters():
    assert list_names(make((7, 3), kind="lstm"))[:2] == ["recurrent.weight_ih_l0", "recurrent.weight_hh_l0"]


def test_every_gate_starts_by_itself():
    model = make((7, 3), kind="lstm", width=6, recurrent_init={"name": "orthogonal", "gain": 2.0}).recurrent
    for gate in model.weight_hh_l0.chunk(4):
        assert torch.allclose(gate @ gate.T, 4 * torch.eye(6, dtype=torch.float64), atol=1e-5)
    wide = make((7, 200), kind="lstm", width=300, init="xavier_normal").recurrent.weight_ih_l0
    for gate in wide.chunk(4):
        assert gate.var().item() == pytest.approx(2 / 500, rel=0.05)  # not 2/1400, as if all gates were one layer


def test_gates_keep_the_gradient_where_plain_units_lose_it():
    """Hochreiter & Schmidhuber (1997), with the forget gate open."""
    network = make((200, 8), kind="lstm", width=8, init={"name": "normal", "std": 0.1})
    with torch.no_grad():
        network.recurrent.bias_ih_l0[8:16] = 10.0
    inputs = draw(4, 200, 8).requires_grad_()
    (slope,) = torch.autograd.grad(network.recurrent(inputs)[:, -1].sum(), inputs)
    assert slope[:, 0].norm() / slope[:, -1].norm() > 0.1
    assert measure_growth("rnn", 0.9, 200) < 1e-9


def test_derivatives_of_derivatives_leave_the_inputs_as_they_are():
    model = make((3, 2), kind="lstm", width=2)
    inputs = draw(4, 3, 2)
    (slope,) = torch.autograd.grad(model(inputs).sum(), model.recurrent.weight_hh_l0, create_graph=True)
    slope.square().sum().backward()
    assert not inputs.requires_grad
    assert inputs.grad is None


def test_runs_side_by_side_are_runs_by_themselves():
    model = make((5, 3), kind="lstm", width=4, layers=2)
    weights = {name: torch.stack([parameter, parameter / 2]).detach() for name, parameter in model.named_parameters()}
    inputs = draw(6, 5, 3)
    side_by_side = vmap(lambda each: functional_call(model, each, (inputs,)))(weights)
    for run in range(2):
        alone = functional_call(model, {name: each[run] for name, each in weights.items()}, (inputs,))
        assert torch.allclose(side_by_side[run], alone, rtol=0, atol=1e-15)


def test_can_be_differentiated_twice():
    model = make((3, 2), kind="lstm", width=2)
    assert torch.autograd.gradgradcheck(model, draw(2, 3, 2).requires_grad_())


@pytest.mark.parametrize("lower", [torch.bfloat16, torch.float16])
def test_autocast_lowers_every_layer(lower):
    """As torch's own LSTM, which computes in fewer bits there too; the steps written by hand would not."""
    stream = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, 9, 4, generator=stream)
    torch.manual_seed(0)
    layers = LSTMLayers(4, 5, layers=2, bias=True, dropout=0.0, residual=False)
    plain = torch.nn.LSTM(4, 5, 2, batch_first=True)
    plain.load_state_dict(layers.state_dict())
    full = layers(inputs)
    with torch.autocast("cpu", lower):
        mixed, theirs = layers(inputs), plain(inputs)[0]
    error = torch.finfo(lower).eps
    assert error / 100 < (mixed - full).abs().max() < 2 * error
    assert (mixed - theirs.float()).abs().max() < 4 * error
    gradients = [torch.autograd.grad(each.square().sum(), list(layers.parameters())) for each in (mixed, full)]
    assert all(torch.allclose(one, other, rtol=0, atol=20 * error) for one, other in zip(*gradients, strict=True))
    assert not all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


@pytest.mark.parametrize("model", [{}, {"residual": True}, {"dropout": 0.5}])
def test_the_last_state_has_the_gradients_that_it_has_among_all(model):
    assert_last_is_enough("lstm", **model)


@pytest.mark.parametrize("name", STACKED)
def test_a_stack_computes_what_each_run_does(name):
    assert_stacks("lstm", **STACKED[name])


@pytest.mark.parametrize("model", [{"layers": 2, "dropout": 0.1}, {"output": "prelu"}])
def test_what_has_to_be_mapped(model):
    assert not make((5, 3), kind="lstm", **model).can_stack
