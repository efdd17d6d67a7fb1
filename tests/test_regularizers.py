"""Regularisers against their formulas."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from trainlab.regularizers import limit_norms, mark_weights, shrink, smooth
from trainlab.step import Layout

LAYOUT = Layout(names=("weight", "bias"), shapes=(torch.Size((2, 3)), torch.Size((2,))), sizes=(6, 2))


class TestShrink:
    def test_soft_threshold_on_weights_only(self) -> None:
        flat = torch.tensor([[0.5, -0.5, 0.05, -0.05, 0.0, 2.0, 0.05, -0.5]])
        wanted = torch.tensor([[0.4, -0.4, 0.0, 0.0, 0.0, 1.9, 0.05, -0.5]])
        torch.testing.assert_close(shrink(flat, torch.tensor([[0.1]]), LAYOUT), wanted)

    def test_a_threshold_for_each_weight_and_run(self) -> None:
        flat = torch.ones(2, 8)
        threshold = torch.tensor([[0.0, 0.25, 0.5, 1.0, 2.0, 0.0, 9.0, 9.0], [0.5] * 8])
        shrunk = shrink(flat, threshold, LAYOUT)
        assert shrunk.tolist() == [[1.0, 0.75, 0.5, 0.0, 0.0, 1.0, 1.0, 1.0], [0.5] * 6 + [1.0, 1.0]]

    def test_nothing_changes_at_zero(self) -> None:
        flat = torch.tensor([[-0.0, 1e-40, -1.0, torch.inf, 3.0, -1e-45, 0.0, 1.0]])
        shrunk = shrink(flat, torch.zeros(1, 1), LAYOUT)
        assert torch.equal(shrunk, flat)
        assert torch.equal(torch.signbit(shrunk), torch.signbit(flat))

    @given(st.floats(-5, 5), st.floats(0.01, 3))
    def test_is_the_proximal_operator(self, weight: float, threshold: float) -> None:
        """argmin of (y - w)^2 / 2 + threshold |y|, by search."""
        flat = torch.zeros(1, 8, dtype=torch.float64)
        flat[0, 0] = weight
        found = float(shrink(flat, torch.tensor([[threshold]], dtype=torch.float64), LAYOUT)[0, 0])
        candidates = torch.linspace(-5, 5, 20_001, dtype=torch.float64)
        cost = (candidates - weight) ** 2 / 2 + threshold * candidates.abs()
        assert abs(found - float(candidates[cost.argmin()])) < 1e-3


def test_mark_weights() -> None:
    assert mark_weights(LAYOUT, torch.zeros(1)).tolist() == [[True] * 6 + [False] * 2]


class TestLimitNorms:
    def test_each_unit_of_its_own_and_no_bias(self) -> None:
        flat = torch.tensor([[3.0, 4.0, 0.0, 0.3, 0.4, 0.0, 50.0, 60.0]])
        limited = limit_norms(flat, torch.tensor([1.0]), LAYOUT)
        torch.testing.assert_close(limited, torch.tensor([[0.6, 0.8, 0.0, 0.3, 0.4, 0.0, 50.0, 60.0]]))

    def test_a_limit_for_each_run(self) -> None:
        flat = torch.tensor([[3.0, 4.0, 0, 0, 0, 0, 0, 0]] * 2)
        limited = limit_norms(flat, torch.tensor([2.5, torch.inf]), LAYOUT)
        assert limited[:, :2].tolist() == [[1.5, 2.0], [3.0, 4.0]]

    def test_a_filter_is_a_unit(self) -> None:
        layout = Layout(names=("filter",), shapes=(torch.Size((2, 1, 2, 1)),), sizes=(4,))
        limited = limit_norms(torch.tensor([[3.0, 4.0, 1.0, 0.0]]), torch.tensor([1.0]), layout)
        torch.testing.assert_close(limited, torch.tensor([[0.6, 0.8, 1.0, 0.0]]))


class TestSmooth:
    def test_class_numbers(self) -> None:
        smoothed = smooth(torch.tensor([[1]]), torch.tensor([0.3]), classes=3)
        torch.testing.assert_close(smoothed, torch.tensor([[[0.1, 0.8, 0.1]]]))

    def test_one_output(self) -> None:
        smoothed = smooth(torch.tensor([[[0.0], [1.0]]]), torch.tensor([0.2]), classes=1)
        torch.testing.assert_close(smoothed, torch.tensor([[[0.1], [0.9]]]))

    def test_one_hot_and_a_share_for_each_run(self) -> None:
        target = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
        smoothed = smooth(target, torch.tensor([0.0, 0.5]), classes=2)
        torch.testing.assert_close(smoothed, torch.tensor([[[1.0, 0.0]], [[0.75, 0.25]]]))
