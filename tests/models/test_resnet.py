from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from trainlab.config import validate
from trainlab.errors import UserError

from .networks import draw, list_kinds, list_names, make


@pytest.mark.parametrize(("layers", "width"), [(8, 4), (20, 4), (14, [4, 6, 6]), (6, [3, 5]), (4, [8])])
def test_layers_counts_convolutions_and_the_output(layers, width):
    model = make((1, 8, 8), kind="resnet", layers=layers, width=width)
    assert [kind in ("Conv2d", "Linear") for kind in list_kinds(model)].count(True) == layers
    assert model(draw(2, 1, 8, 8)).shape == (2, 3)


def test_resnet_20_of_the_paper_has_its_number_of_parameters():
    model = make((3, 32, 32), kind="resnet", layers=20, outputs=10, init="he_normal")
    assert sum(each.numel() for each in model.parameters()) == 269_722  # 0.27M (He et al., 2016, table 6)


def test_the_names_of_the_parameters():
    names = list_names(make((1, 8, 8), kind="resnet"))
    assert names[:3] == ["conv.weight", "norm.weight", "norm.bias"]
    assert names[3:9] == [
        f"blocks.0.{name}" for name in ("conv1.weight", "norm1.weight", "norm1.bias", "conv2.weight", "norm2.weight", "norm2.bias")
    ]
    assert names[-2:] == ["head.weight", "head.bias"]


@pytest.mark.parametrize("residual", [True, False])
def test_a_block_by_hand(residual):
    model = make((2, 7, 6), kind="resnet", width=[3, 5], layers=6, norm="none", activation="tanh", residual=residual)
    inputs = draw(4, 3, 7, 6)
    first, second = model.blocks
    hidden = F.conv2d(
        torch.tanh(F.conv2d(inputs, first.conv1.weight, first.conv1.bias, padding=1)),
        first.conv2.weight,
        first.conv2.bias,
        padding=1,
    )
    assert torch.equal(first(inputs), torch.tanh(hidden + inputs if residual else hidden))
    hidden = torch.tanh(F.conv2d(inputs, second.conv1.weight, second.conv1.bias, padding=1, stride=2))
    hidden = F.conv2d(hidden, second.conv2.weight, second.conv2.bias, padding=1)
    if residual:
        hidden[:, :3] += inputs[:, :, ::2, ::2]
    assert hidden.shape == (4, 5, 4, 3)
    assert torch.equal(second(inputs), torch.tanh(hidden))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 7), (1, 1, 1), (2, 3, 12)])
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_every_size_of_image(shape, norm):
    model = make(shape, kind="resnet", width=4, norm=norm, dropout=0.2, output="sigmoid").train()
    output = model(draw(3, *shape))
    assert output.shape == (3, 3)
    assert (output > 0).all()


def test_norms():
    model = make((1, 8, 8), kind="resnet", width=4, norm={"name": "layer", "groups": 2, "affine": False})
    assert (model.norm.num_groups, model.norm.num_channels, model.norm.affine) == (2, 4, False)
    assert model.conv.bias is None
    assert make((1, 8, 8), kind="resnet", norm="none").conv.bias is not None
    assert make((1, 8, 8), kind="resnet", norm="none", bias=False).head.bias is None


def test_initial_weights_follow_the_rule_and_the_activation():
    model = make((1, 8, 8), kind="resnet", width=64, init="auto")
    assert model.blocks[1].conv2.weight.var().item() == pytest.approx(2 / (128 * 9), rel=0.05)
    assert model.blocks[1].conv1.weight.var().item() == pytest.approx(2 / (64 * 9), rel=0.05)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"layers": 2}, "model.layers: must be 2 and a multiple of 6, as in 8, 14, 20: two layers a block, 3 stages"),
        ({"layers": 10}, "must be 2 and a multiple of 6"),
        ({"layers": 8, "width": [4, 8]}, "must be 2 and a multiple of 4, as in 6, 10, 14"),
        ({"norm": {"name": "batch", "place": "after"}}, "model.norm.place: must be before"),
        ({"width": [8, 4, 8]}, "model.width: must not fall from stage to stage"),
        ({"width": 6, "norm": {"name": "layer", "groups": 4}}, "must divide the channels of every layer, which are 6, 12, 24"),
    ],
)
def test_contradictions(model, message):
    with pytest.raises(UserError, match=message):
        validate({"model": {"kind": "resnet", **model}})


def test_without_shortcuts_the_width_may_fall():
    assert make((1, 8, 8), kind="resnet", width=[8, 4, 8], residual=False)(draw(2, 1, 8, 8)).shape == (2, 3)
