from __future__ import annotations

import torch

from trainlab.config import validate
from trainlab.data import Dataset, load


def make(**data) -> Dataset:
    return load(validate({"data": {"name": "linear", **data}}).data)


def test_the_data_of_the_source():
    state = torch.get_rng_state()
    dataset = make()
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(42)
    inputs = torch.rand(100, 1)
    target = 3 * inputs + 2 + 0.1 * torch.randn(100, 1)
    assert torch.equal(dataset.train[0], inputs)
    assert torch.equal(dataset.train[1], target)
    assert (dataset.test, dataset.task, dataset.features, dataset.targets, dataset.classes) == (None, "regression", 1, 1, 0)


def test_line_noise_and_seed():
    inputs, target = make(slope=-2.0, intercept=5.0, noise=0.0, samples=7).train
    assert torch.allclose(target, 5 - 2 * inputs)
    assert len(inputs) == 7
    assert not torch.equal(inputs, make(samples=7, seed=1).train[0])


def test_outliers():
    target = make(outliers=0.05, outlier_value=77.0).train[1]
    assert (target == 77).sum() == 5
    assert (make().train[1] < 10).all()
