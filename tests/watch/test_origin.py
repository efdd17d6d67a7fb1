from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from trainlab.watch._origin import find_origin

INPUTS = torch.randn(6, 3)


def make() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(body=nn.Linear(3, 4), act=nn.ReLU(), head=nn.Linear(4, 2)))


def locate(loss: Callable[[nn.Module], Tensor], model: nn.Module | None = None) -> str | None:
    model = model or make()
    origin = find_origin(loss(model))
    return None if origin is None else origin.name({id(each): name for name, each in model.named_parameters()})


@pytest.mark.parametrize(
    ("loss", "where"),
    [
        (lambda model: (model(INPUTS) * 0).log().mean(), "log (after head)"),
        (lambda model: (1 / (model(INPUTS) * 0)).mean(), "reciprocal (after head)"),
        (lambda model: (model(INPUTS) / (model(INPUTS) * 0)).mean(), "div (after head)"),
        (lambda model: (-model(INPUTS).abs()).sqrt().mean(), "sqrt (after head)"),
        (lambda model: (1e4 + model(INPUTS)).exp().mean(), "exp (after head)"),
        (lambda model: model.head(model.act((1e4 + model.body(INPUTS)).exp())).mean(), "exp (after body)"),
        (
            lambda model: model(INPUTS).masked_fill(torch.ones(6, 2, dtype=torch.bool), -torch.inf).softmax(1).mean(),
            "softmax (after head)",
        ),
    ],
)
def test_the_operation_that_is_not_defined(loss: Callable[[nn.Module], Tensor], where: str) -> None:
    assert locate(loss) == where


def test_the_layer_that_overflows() -> None:
    model = make()
    with torch.no_grad():
        model.body.weight.mul_(1e38)
        model.head.weight.mul_(1e38)
    assert locate(lambda each: each(100 * INPUTS).square().mean(), model) == "body"
    with torch.no_grad():
        model.body.weight.mul_(1e-38)
    assert locate(lambda each: each(100 * INPUTS).tanh().square().mean() + each(100 * INPUTS).relu().sum(), model) == "head"


def test_data_and_targets() -> None:
    spoilt = INPUTS.clone()
    spoilt[2:4, 1] = torch.nan
    origin = find_origin(make()(spoilt).mean())
    assert origin is not None
    assert (origin.part, origin.samples, origin.feature) == ("inputs", 2, 1)
    target = torch.zeros(6, 2)
    target[5] = torch.inf
    origin = find_origin(nn.functional.mse_loss(make()(INPUTS), target))
    assert origin is not None
    assert (origin.part, origin.samples) == ("targets", 1)


def test_nothing_is_wrong() -> None:
    assert locate(lambda model: model(INPUTS).square().mean()) is None
