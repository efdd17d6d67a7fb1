from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.probes.resting import rest
from trainlab.probes.sparsity import evaluate
from trainlab.step import Layout


def measure(flat: list[list[float]], layout: Layout) -> dict[str, list[float]]:
    found = evaluate(replace(rest([[0.0]]), flat=torch.tensor(flat), layout=layout))
    return {name: values.tolist() for name, values in found.items()}


def test_weights_and_columns_that_are_exactly_zero() -> None:
    shapes = (torch.Size((2, 3)), torch.Size((2,)), torch.Size((1, 2)))
    layout = Layout(names=("0.weight", "0.bias", "1.weight"), shapes=shapes, sizes=(6, 2, 2))
    some = [0.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 5.0]  # the first input is unread; the biases do not count
    found = measure([some, [1.0] * 10], layout)
    assert found["zero_weights"] == [pytest.approx(5 / 8), 0.0]
    assert found["zero_inputs"] == [pytest.approx(1 / 3), 0.0]


def test_filters_are_read_by_channel() -> None:
    layout = Layout(names=("0.weight",), shapes=(torch.Size((1, 2, 1, 2)),), sizes=(4,))
    assert measure([[0.0, 0.0, 0.0, 3.0]], layout)["zero_inputs"] == [0.5]


def test_without_a_matrix_there_is_nothing_to_say() -> None:
    assert measure([[0.0]], Layout(names=("0.bias",), shapes=(torch.Size((1,)),), sizes=(1,))) == {}
