from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainlab.clipping import clip_by_norm, clip_by_value
from trainlab.numerics import norm_rows

finite = st.floats(-1e6, 1e6)
gradients = st.lists(st.lists(finite, min_size=4, max_size=4), min_size=1, max_size=5)


def column(*values: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype)[:, None]


def by_norm(gradient: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    return clip_by_norm(gradient, norm_rows(gradient)[:, None], threshold)


def test_the_example_of_the_source():
    gradient = torch.tensor([[100.0, 1.0]])
    assert clip_by_value(gradient, column(1.0)).tolist() == [[1.0, 1.0]]
    assert by_norm(gradient, column(1.0))[0].tolist() == pytest.approx([0.99995, 0.0099995], abs=5e-7)


@given(gradients, st.floats(1e-3, 1e3))
def test_equals_torch(rows, threshold):
    gradient = torch.tensor(rows, dtype=torch.float64)
    limit = column(*[threshold] * len(rows), dtype=torch.float64)
    for row, value, norm in zip(gradient, clip_by_value(gradient, limit), by_norm(gradient, limit), strict=True):
        for ours, clip in (
            (value, torch.nn.utils.clip_grad_value_),
            (norm, torch.nn.utils.clip_grad_norm_),
        ):
            weight = torch.zeros(4, dtype=torch.float64, requires_grad=True)
            weight.grad = row.clone()
            clip([weight], threshold)
            assert ours.tolist() == pytest.approx(weight.grad.tolist(), rel=1e-12, abs=1e-300)


def test_each_row_has_a_threshold_of_its_own():
    gradient = torch.tensor([[3.0, 4.0], [3.0, 4.0], [3.0, 4.0]])
    assert clip_by_value(gradient, column(1, 3.5, math.inf)).tolist() == [[1, 1], [3, 3.5], [3, 4]]
    lengths = norm_rows(by_norm(gradient, column(1, 2.5, math.inf))).tolist()
    assert lengths == pytest.approx([1, 2.5, 5], rel=1e-6)


@given(st.lists(st.floats(width=32), min_size=3, max_size=3))
def test_an_infinite_threshold_leaves_every_bit(row):
    gradient = torch.tensor([row, [1.0, 2.0, 3.0]])
    for clipped in (clip_by_value(gradient, column(math.inf, 1)), by_norm(gradient, column(math.inf, 1))):
        assert torch.equal(clipped[0].view(torch.int32), gradient[0].view(torch.int32)) or gradient[0].isnan().any()
        assert torch.equal(clipped[0].isnan(), gradient[0].isnan())


@pytest.mark.parametrize("value", [1e20, 1e30, 1e38, 3e38])
def test_a_norm_that_overflows_does_not_zero_the_gradient(value):
    gradient = torch.full((2, 100), value)
    weight = torch.zeros(100, requires_grad=True)
    weight.grad = gradient[0].clone()
    torch.nn.utils.clip_grad_norm_([weight], 1.0)
    assert not weight.grad.any()  # what torch does
    assert by_norm(gradient, column(1.0, 2.0))[:, 0].tolist() == pytest.approx([0.1, 0.2], rel=1e-5)


def test_a_gradient_of_zeros_stays_zero():
    assert by_norm(torch.zeros(1, 3), column(1.0)).tolist() == [[0, 0, 0]]


def test_an_infinite_gradient_is_not_made_finite_by_its_norm():
    assert not torch.isfinite(by_norm(torch.tensor([[math.inf, 1.0]]), column(1.0))).all()
