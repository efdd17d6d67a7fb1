from __future__ import annotations

import fnmatch
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call

from trainlab.config import validate
from trainlab.errors import UserError

from .networks import draw, draw_tokens, list_kinds, list_names, make

WIDTH, HEADS = 6, 2


def make_theirs(block: nn.Module, *, norm_first: bool, activation: str) -> nn.TransformerEncoderLayer:
    """torch's layer with the weights of one of our blocks."""
    theirs = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, dropout=0.0, activation=activation, norm_first=norm_first, batch_first=True, dtype=torch.float64
    )
    names = {
        "self_attn.in_proj_weight": "attention.qkv.weight",
        "self_attn.in_proj_bias": "attention.qkv.bias",
        "self_attn.out_proj.weight": "attention.out.weight",
        "self_attn.out_proj.bias": "attention.out.bias",
        "linear1.weight": "expand.weight",
        "linear1.bias": "expand.bias",
        "linear2.weight": "contract.weight",
        "linear2.bias": "contract.bias",
    }
    names |= {f"norm{index}.{name}": f"norm{index}.{name}" for index in (1, 2) for name in ("weight", "bias")}
    ours = dict(block.named_parameters())
    theirs.load_state_dict({name: ours[own] for name, own in names.items()})
    return theirs


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_block_equals_torchs(activation, norm_first, causal):
    model = make((5, 3), kind="transformer", width=WIDTH, heads=HEADS, activation=activation, norm_first=norm_first, causal=causal)
    inputs = draw(4, 5, WIDTH).requires_grad_()
    mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64) if causal else None
    block = model.blocks[1]
    theirs = make_theirs(block, norm_first=norm_first, activation=activation)
    assert torch.allclose(block(inputs), theirs(inputs, src_mask=mask), rtol=0, atol=1e-12)
    slopes = [torch.autograd.grad(each.square().sum(), inputs)[0] for each in (block(inputs), theirs(inputs, src_mask=mask))]
    assert torch.allclose(*slopes, rtol=0, atol=1e-11)


def test_the_whole_network_by_hand():
    model = make((5, 3), kind="transformer", width=WIDTH, heads=HEADS, layers=1)
    inputs = draw(4, 5, 3)
    hidden = model.blocks[0](model.embed(inputs) + model.positions.weight)
    assert torch.equal(model(inputs), model.head(model.norm(hidden).mean(dim=1)))
    names = list_names(model)
    assert names[:4] == ["embed.weight", "embed.bias", "positions.weight", "blocks.0.norm1.weight"]
    assert names[-4:] == ["norm.weight", "norm.bias", "head.weight", "head.bias"]


def test_no_step_of_a_decoder_sees_a_later_one():
    tokens = draw_tokens(9, 3, 8)
    other = tokens.clone()
    other[:, 5] = (other[:, 5] + 1) % 9
    model = make((8,), kind="transformer", tokens=9, every_step=True)
    changed = (model(tokens) != model(other)).any(dim=2)
    assert not changed[:, :5].any()
    assert changed[:, 5:].all()
    model = make((8,), kind="transformer", tokens=9, every_step=True, causal=False)
    assert (model(tokens) != model(other)).any(dim=2).all()


def test_what_the_output_layer_reads():
    inputs = draw(4, 5, 3)
    assert make((5, 3), kind="transformer").read == "mean"
    assert make((5, 3), kind="transformer", causal=True).read == "last"
    assert make((5, 3), kind="transformer", every_step=True)(inputs).shape == (4, 5, 3)
    assert make((5, 3), kind="transformer", read="every")(inputs).shape == (4, 5, 3)
    assert make((5, 3), kind="transformer", read="last", output="sigmoid")(inputs).max() < 1


@pytest.mark.parametrize(
    ("model", "norms"),
    [({}, 5), ({"norm_first": False}, 4), ({"norm": "none"}, 0), ({"norm": {"name": "rms", "affine": False}}, 5)],
)
def test_norms(model, norms):
    network = make((5, 3), kind="transformer", **model)
    assert sum(kind.endswith("Norm") for kind in list_kinds(network)) == norms
    assert torch.isfinite(network(draw(4, 5, 3))).all()


def test_dropout_stands_behind_the_positions_and_the_parts_of_each_block():
    network = make((5, 3), kind="transformer", layers=2, dropout=0.1)
    assert list_kinds(network).count("Dropout") == 5
    assert "Dropout" not in list_kinds(make((5, 3), kind="transformer"))


def test_without_residual_nothing_is_added():
    network = make((5, 3), kind="transformer", residual=False, norm="none", width=WIDTH, heads=HEADS)
    block, inputs = network.blocks[0], draw(4, 5, WIDTH)
    assert torch.equal(block(inputs), block.contract(block.act(block.expand(block.attention(inputs)))))


def test_without_bias():
    assert not [name for name in list_names(make((5, 3), kind="transformer", bias=False, norm="rms")) if name.endswith("bias")]


def test_queries_keys_and_values_start_each_by_itself():
    network = make((5, 3), kind="transformer", width=256, init="xavier_normal")
    for part in network.blocks[0].attention.qkv.weight.chunk(3):
        assert part.var().item() == pytest.approx(1 / 256, rel=0.05)
    assert network.positions.weight.std().item() == pytest.approx(0.02, rel=0.1)
    auto: Any = make((5, 3), kind="transformer", width=256, init="auto", activation="relu").blocks[0]
    assert auto.expand.weight.var().item() == pytest.approx(2 / 256, rel=0.05)
    assert auto.contract.weight.var().item() == pytest.approx(2 / (5 * 256), rel=0.05)


def test_can_be_differentiated_twice():
    model = make((3, 2), kind="transformer", width=4, heads=2, layers=1)
    assert torch.autograd.gradgradcheck(model, draw(2, 3, 2).requires_grad_())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"width": 10}, "model.heads: must divide `width`, which is 10"),
        ({"norm": "batch"}, "model.norm: is none of the choices"),
        ({"norm": {"name": "layer", "place": "after"}}, "model.norm.place: `layer` has no `place`"),
    ],
)
def test_contradictions(model, message):
    with pytest.raises(UserError, match=message):
        validate({"model": {"kind": "transformer", **model}})


STACKED: dict[str, dict[str, Any]] = {
    "encoder": {},
    "decoder": {"causal": True, "read": "last"},
    "behind the sum": {"norm_first": False, "activation": "tanh"},
    "in place": {"activation": "relu", "heads": 1},
    "without a derivative by hand": {"activation": "mish"},
    "rms": {"norm": "rms", "bias": False, "output": "softmax"},
    "no scale": {"norm": {"name": "layer", "affine": False}, "residual": False},
    "no norm": {"norm": "none", "heads": 6},
    "every step": {"every_step": True},
    "tokens": {"tokens": 9, "every_step": True},
}


@pytest.mark.parametrize("name", STACKED)
def test_all_runs_at_once_are_the_runs_one_by_one(name):
    model = make(
        (5,) if "tokens" in STACKED[name] else (5, 3), kind="transformer", **{"width": WIDTH, "heads": HEADS, **STACKED[name]}
    )
    assert model.can_stack
    weights = {key: torch.stack([each.detach(), 0.7 * each.detach() + 0.1]) for key, each in model.named_parameters()}
    weights = {key: each.requires_grad_() for key, each in weights.items()}
    inputs = draw_tokens(9, 2, 4, 5) if "tokens" in STACKED[name] else draw(2, 4, 5, 3).requires_grad_()
    leaves = [*weights.values(), *([inputs] if inputs.requires_grad else [])]
    together = model.forward_stacked(weights, inputs)
    alone = torch.stack(
        [functional_call(model, {key: each[run] for key, each in weights.items()}, (inputs[run],)) for run in range(2)]
    )
    assert torch.allclose(together, alone, rtol=0, atol=1e-12)
    slope = draw(*alone.shape, seed=1)
    found, wanted = (torch.autograd.grad((each * slope).sum(), leaves, materialize_grads=True) for each in (together, alone))
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("frozen", ["blocks.*.attention.qkv.*", "blocks.*.contract.bias", "blocks.*.norm?.*", "*.weight"])
def test_what_is_frozen_has_no_gradient_and_the_rest_has_its_own(frozen):
    model = make((5, 3), kind="transformer", width=WIDTH, heads=HEADS)
    weights = {key: each.detach()[None] for key, each in model.named_parameters()}
    free = {key: not fnmatch.fnmatch(key, frozen) for key in weights}
    assert len(set(free.values())) == 2
    found = []
    for moving in (free, dict.fromkeys(free, True)):
        leaves = {key: each.clone().requires_grad_(moving[key]) for key, each in weights.items()}
        model.forward_stacked(leaves, draw(1, 4, 5, 3)).square().sum().backward()
        found.append({key: each.grad for key, each in leaves.items()})
    assert all(found[0][key] is None for key in free if not free[key])
    assert all(torch.equal(found[0][key], found[1][key]) for key in free if free[key])


@pytest.mark.parametrize("model", [{"dropout": 0.1}, {"activation": "prelu"}])
def test_what_has_to_be_mapped(model):
    assert not make((5, 3), kind="transformer", **model).can_stack
