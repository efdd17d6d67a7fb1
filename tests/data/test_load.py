from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

from trainlab.config import validate
from trainlab.data import Dataset, load
from trainlab.errors import UserError


def make(**data) -> Dataset:
    return load(validate({"data": data}).data)


def test_the_split_follows_the_seed_of_the_data():
    whole = make(name="random", samples=50, classes=2, seed=9)
    parts = make(name="random", samples=50, classes=2, seed=9, test_fraction=0.3)
    train, test = train_test_split(np.arange(50), test_size=0.3, random_state=9)
    assert parts.test is not None
    for part, rows in ((parts.train, train), (parts.test, test)):
        assert torch.equal(part[0], whole.train[0][rows])
        assert torch.equal(part[1], whole.train[1][rows])


def test_standardising_uses_the_training_part_only():
    raw = make(name="wine")
    scaled = make(name="wine", standardize=True)
    assert raw.test is not None
    assert scaled.test is not None
    mean = raw.train[0].double().mean(dim=0)
    spread = raw.train[0].double().std(dim=0, unbiased=False)
    for before, after in ((raw.train, scaled.train), (raw.test, scaled.test)):
        assert torch.allclose(after[0].double(), (before[0].double() - mean) / spread, atol=1e-4)
        assert torch.equal(before[1], after[1])
    assert scaled.test[0].mean(dim=0).abs().max() > 0.02


def test_a_feature_that_never_changes_is_only_centred():
    dataset = make(name="digits", standardize=True)
    assert torch.isfinite(dataset.train[0]).all()
    assert not dataset.train[0][:, 0].any()


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_a_part_without_samples(fraction):
    with pytest.raises(UserError, match=r"data.test_fraction: there is only one sample, which cannot be split"):
        make(name="linear", samples=1, test_fraction=fraction)
