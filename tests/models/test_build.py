from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainlab.config import validate
from trainlab.errors import UserError
from trainlab.models import build


def make(seed: int = 0, **model: Any) -> nn.Module:
    return build(validate({"model": model}).model, features=3, outputs=2, seed=seed)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in model.parameters()])


def test_the_seed_decides_the_weights():
    assert torch.equal(weights(make(0)), weights(make(0)))
    assert not torch.equal(weights(make(0)), weights(make(1)))


@pytest.mark.parametrize("model", [{}, {"init": "auto"}, {"kind": "layers", "modules": [{"Linear": [3, 2]}]}])
def test_the_global_stream_is_left_alone_and_not_read(model):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = weights(make(**model))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    assert torch.equal(first, weights(make(**model)))


def test_no_gpu_stream_is_seeded(monkeypatch):
    def refuse(_seed: int) -> None:
        raise AssertionError

    monkeypatch.setattr(torch.cuda, "manual_seed_all", refuse)
    make()


def test_frozen_parameters():
    model = make(layers=3, freeze=["model.0.*", "model.4.bias"])
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert frozen == ["model.0.weight", "model.0.bias", "model.4.bias"]


def test_freezing_what_is_not_there():
    with pytest.raises(UserError, match=r"model.freeze: matches no parameter \(got model.7.\*\).*model.0.weight"):
        make(freeze=["model.0.*", "model.7.*"])


def test_a_network_is_in_float32_on_the_cpu():
    assert {(parameter.dtype, parameter.device.type) for parameter in make().parameters()} == {(torch.float32, "cpu")}
