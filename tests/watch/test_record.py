from __future__ import annotations

import math

import torch
from torch import nn

from trainlab.watch._record import find_owner, join, list_parameters, measure_norms


def test_norms_neither_underflow_nor_overflow() -> None:
    tensors = [torch.full((4,), each) for each in (3.0, 1e-30, 1e30)] + [None, torch.zeros(3)]
    assert [round(each / wanted, 6) for each, wanted in zip(measure_norms(tensors), (6.0, 2e-30, 2e30), strict=False)] == [1, 1, 1]
    assert measure_norms(tensors)[3:] == [0.0, 0.0]
    assert measure_norms([None]) == [0.0]
    assert join([3.0, 4.0]) == 5.0
    assert measure_norms([torch.tensor([math.inf])]) == [math.inf]


def test_the_outermost_module_without_what_wraps_it() -> None:
    inner = nn.Linear(3, 2)
    outer = nn.Sequential(inner, nn.Linear(2, 1))
    assert find_owner(inner.parameters()) == (outer, False)
    wrapped = nn.DataParallel(outer)
    assert find_owner(outer.parameters()) == (outer, False), wrapped
    fast = torch.compile(outer)
    assert find_owner(outer.parameters()) == (outer, True), fast
    assert find_owner([torch.zeros(1)]) == (None, False)


def test_parameters_in_the_order_and_by_the_names_of_the_model() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    loose = torch.zeros(4, requires_grad=True)
    frozen = model[1].bias.requires_grad_(False)
    tensors, told = list_parameters(model, [loose, frozen, model[1].weight, model[0].weight])
    assert [each.name for each in told] == ["0.weight", "1.weight", "parameter.0"]
    assert [each.module for each in told] == ["Linear", "Linear", ""]
    assert all(one is other for one, other in zip(tensors, (model[0].weight, model[1].weight, loose), strict=True))
