from __future__ import annotations

import pytest
import torch

from trainlab.config import validate
from trainlab.data import load


@pytest.mark.parametrize("length", [2, 3, 50])
def test_one_mark_in_each_half_and_the_sum_of_what_they_mark(length):
    spec = {"name": "adding", "samples": 200, "length": length, "test_fraction": 0.0}
    dataset = load(validate({"data": spec}).data)
    inputs, target = dataset.train
    values, marks = inputs.unbind(2)
    assert inputs.shape == (200, length, 2)
    assert (marks[:, : length // 2].sum(dim=1) == 1).all()
    assert (marks[:, length // 2 :].sum(dim=1) == 1).all()
    assert torch.equal(target[:, 0], (values * marks).sum(dim=1))
    assert (values >= 0).all()
    assert (values < 1).all()
    assert (dataset.task, dataset.targets, dataset.features, dataset.every_step) == ("regression", 1, 2 * length, False)


def test_to_answer_1_costs_a_sixth():
    target = load(validate({"data": {"name": "adding", "samples": 20000, "length": 4}}).data).train[1]
    assert (target - 1).square().mean().item() == pytest.approx(1 / 6, rel=0.03)


def test_the_seed_of_the_data():
    state = torch.get_rng_state()
    one, two = (load(validate({"data": {"name": "adding", "seed": seed}}).data).train[0] for seed in (0, 1))
    assert not torch.equal(one, two)
    assert torch.equal(state, torch.get_rng_state())
