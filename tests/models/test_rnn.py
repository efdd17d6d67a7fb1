from __future__ import annotations

import pytest
import torch
from engine.runs import train

from trainlab.config import validate
from trainlab.errors import UserError

from .networks import draw, draw_tokens, list_kinds, list_names, make
from .recurrent import assert_equals_torch, assert_last_is_enough, measure_growth


@pytest.mark.parametrize(
    "model", [{}, {"activation": "relu"}, {"layers": 1}, {"layers": 3, "bias": False}, {"activation": "relu", "bias": False}]
)
def test_equals_torch(model):
    assert_equals_torch("rnn", **model)


def test_the_names_of_the_parameters():
    names = ["recurrent.weight_ih_l0", "recurrent.weight_hh_l0", "recurrent.bias_ih_l0", "recurrent.bias_hh_l0"]
    assert list_names(make((7, 3), kind="rnn")) == [*names, "head.weight", "head.bias"]
    assert list_names(make((7,), kind="rnn", tokens=4))[0] == "embed.weight"
    assert list_names(make((7, 3), kind="rnn", bias=False)) == [*names[:2], "head.weight"]


def test_what_the_output_layer_reads():
    inputs = draw(4, 7, 3)
    for read, choose in (
        ("last", lambda states: states[:, -1]),
        ("mean", lambda states: states.mean(dim=1)),
        ("every", lambda states: states),
    ):
        model = make((7, 3), kind="rnn", read=read, output="tanh")
        assert torch.equal(model(inputs), torch.tanh(model.head(choose(model.recurrent(inputs)))))
    assert make((7, 3), kind="rnn")(inputs).shape == (4, 3)
    assert make((7, 3), kind="rnn", every_step=True)(inputs).shape == (4, 7, 3)
    assert make((7, 3), kind="rnn", read="last", every_step=True)(inputs).shape == (4, 3)
    assert make((7, 3), kind="rnn", width=6, outputs=None)(inputs).shape == (4, 6)


def test_tokens_are_embedded():
    model = make((7,), kind="rnn", tokens=4, width=6)
    tokens = draw_tokens(4, 5, 7)
    assert model.embed.weight.shape == (4, 6)
    assert torch.equal(model(tokens), model.head(model.recurrent(model.embed.weight[tokens])[:, -1]))


def test_residual_adds_the_input_of_a_layer_where_the_shapes_allow_it():
    model = make((7, 3), kind="rnn", width=5, layers=2, residual=True)
    inputs = draw(4, 7, 3)
    plain = make((7, 3), kind="rnn", width=5, layers=2).recurrent
    one = make((7, 5), kind="rnn", width=5, layers=1).recurrent
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            one.get_parameter(f"{name}_l0").copy_(plain.get_parameter(f"{name}_l1"))
    first = make((7, 3), kind="rnn", width=5, layers=1).recurrent
    assert torch.equal(model.recurrent(inputs), first(inputs) + one(first(inputs)))
    assert torch.equal(plain(inputs), one(first(inputs)))


def test_dropout_stands_between_the_layers():
    assert list_kinds(make((7, 3), kind="rnn", layers=3, dropout=0.3)) == ["Dropout", "Dropout", "Linear"]
    assert list_kinds(make((7, 3), kind="rnn", layers=1, dropout=0.3)) == ["TanhRNNLayers", "Linear"]
    model = make((7, 3), kind="rnn", layers=2, width=5, dropout=0.3).train()
    inputs = draw(4, 7, 3)
    kept = model.recurrent(inputs)
    model.recurrent.drops[0].mask = torch.zeros(4, 7, 5, dtype=torch.float64)
    assert not torch.equal(model.recurrent(inputs), kept)
    assert torch.equal(model.eval().recurrent(inputs), kept)


def test_the_matrix_from_step_to_step():
    def square(**model):
        return make((7, 3), kind="rnn", width=6, **model).recurrent.weight_hh_l0

    assert torch.equal(square(recurrent_init={"name": "identity", "gain": 1.5}), 1.5 * torch.eye(6, dtype=torch.float64))
    turned = square(recurrent_init={"name": "orthogonal", "gain": 2.0})
    assert torch.allclose(turned @ turned.T, 4 * torch.eye(6, dtype=torch.float64), atol=1e-5)
    assert (square(init={"name": "constant", "value": 0.5}) == 0.5).all()
    assert (square(init="zeros", recurrent_init="identity") == torch.eye(6)).all()


def test_init_of_the_weights_that_read_the_input():
    wide = make((7, 400), kind="rnn", width=300, init="auto", activation="relu")
    assert wide.recurrent.weight_ih_l0.var().item() == pytest.approx(2 / 400, rel=0.05)
    assert wide.recurrent.weight_hh_l0.var().item() == pytest.approx(2 / 300, rel=0.05)
    assert not wide.recurrent.bias_ih_l0.any()
    assert (make((7, 3), kind="rnn", init={"name": "normal", "bias": 0.5}).recurrent.bias_hh_l0 == 0.5).all()
    default = make((7, 3), kind="rnn", width=100).recurrent.weight_hh_l0
    assert default.abs().max() <= 0.1
    assert default.var().item() == pytest.approx(0.01 / 3, rel=0.05)


def test_gradients_explode_or_vanish_over_many_steps():
    """Pascanu et al. (2013): by the gain of the recurrent matrix, the forward pass within 1 all the while."""
    assert measure_growth("rnn", 1.5, 100) > 1e2
    assert measure_growth("rnn", 1.5, 300) > 1e6
    assert measure_growth("rnn", 1.0, 300) < 0.1
    assert measure_growth("rnn", 0.5, 100) < 1e-25


def test_one_unit_that_amplifies_is_a_power():
    model = make((101, 1), kind="rnn", width=1, activation="relu", bias=False, init={"name": "constant", "value": 1.0},
                 recurrent_init={"name": "identity", "gain": 1.5})  # fmt: skip
    inputs = torch.zeros(1, 101, 1, dtype=torch.float64)
    inputs[0, 0] = 1.0
    inputs.requires_grad_()
    output = model.recurrent(inputs)[0, -1, 0]
    assert output.item() == pytest.approx(1.5**100)
    assert torch.autograd.grad(output, inputs)[0][0, 0, 0].item() == pytest.approx(4.0656e17, rel=1e-4)


def test_states_can_saturate_and_units_can_die():
    base = {"data": {"name": "adding", "samples": 20, "length": 5}, "loss": "mse"}
    model = {"kind": "rnn", "width": 4, "init": {"name": "constant", "value": 5.0}}
    saturated, dead = train(
        {**base, "model": model},
        {**base, "model": {**model, "activation": "relu", "init": {"name": "constant", "value": -1.0}}},
        probes=["activations"],
    )
    assert [saturated.modules[0].kind, dead.modules[0].kind] == ["TanhRNNLayers", "ReLURNNLayers"]
    assert saturated.arrays["activation-saturated"][0] > 0.9
    assert dead.arrays["activation-dead"][0] == 1


def test_can_be_differentiated_twice():
    model = make((3, 2), kind="rnn", width=2)
    assert torch.autograd.gradgradcheck(model, draw(2, 3, 2).requires_grad_())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"activation": "sigmoid"}, "model.activation: is none of the choices .*Choices: tanh, relu"),
        ({"norm": "layer"}, "`rnn` has no `norm`"),
        ({"width": [3, 4]}, "model.width: must be a whole number"),
        ({"recurrent_init": "orthogonol"}, "did you mean 'orthogonal'"),
        ({"recurrent_init": {"gain": 2}}, "`default` has no `gain`; `orthogonal` and `identity` have it"),
    ],
)
def test_contradictions(model, message):
    with pytest.raises(UserError, match=message):
        validate({"model": {"kind": "rnn", **model}})


@pytest.mark.parametrize("model", [{}, {"residual": True}, {"dropout": 0.5}])
def test_the_last_state_has_the_gradients_that_it_has_among_all(model):
    assert_last_is_enough("rnn", **model)
