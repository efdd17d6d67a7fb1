from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.probes.resting import read, rest
from trainlab.probes.batch_order import evaluate


def measure(target: torch.Tensor, size: int, **more: str) -> dict[str, float]:
    return read(evaluate(rest(torch.zeros(len(target), 1), target, batch_size=size, **more)))


def test_one_class_a_batch():
    found = measure(torch.arange(3).repeat_interleave(10), 10, loss="cross_entropy", task="multiclass")
    assert found == {"batch_purity": pytest.approx(1), "batch_purity_shuffled": pytest.approx(2 / 29)}


def test_classes_in_turn():
    assert measure(torch.arange(30) % 3, 6, loss="cross_entropy", task="multiclass")["batch_purity"] == pytest.approx(0)


@pytest.mark.parametrize("size", [5, 7])
def test_numbers_against_sums_of_squares(size):
    target = np.random.default_rng(0).normal(size=(33, 1))
    parts = np.split(target, range(size, 33, size))
    between = sum(len(part) * (part.mean() - target.mean()) ** 2 for part in parts)
    assert measure(torch.tensor(target), size)["batch_purity"] == pytest.approx(between / ((target - target.mean()) ** 2).sum())


def test_shuffled_samples_have_what_is_expected():
    orders = [torch.randperm(60, generator=torch.Generator().manual_seed(seed)) for seed in range(300)]
    found = [measure((order % 3), 6, loss="cross_entropy", task="multiclass") for order in orders]
    assert np.mean([each["batch_purity"] for each in found]) == pytest.approx(found[0]["batch_purity_shuffled"], rel=0.05)


def test_nothing_to_compare():
    assert measure(torch.arange(6.0)[:, None], 6) == {}
    assert measure(torch.ones(6, 1), 2) == {}
    assert evaluate(rest(torch.zeros(6, 1), batch_size=2)) == {}
    assert measure(torch.zeros(6, 4).long(), 2, loss="cross_entropy", task="multiclass") == {}
