from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import datasets

from trainlab.config import validate
from trainlab.data import load


@pytest.mark.parametrize(
    ("name", "task", "classes", "samples", "features"),
    [
        ("digits", "multiclass", 10, 1797, 64),
        ("breast_cancer", "binary", 2, 569, 30),
        ("wine", "multiclass", 3, 178, 13),
        ("iris", "multiclass", 3, 150, 4),
        ("diabetes", "regression", 0, 442, 10),
    ],
)
def test_the_whole_set(name, task, classes, samples, features):
    dataset = load(validate({"data": {"name": name, "test_fraction": 0.0}}).data)
    found = getattr(datasets, f"load_{name}")()
    assert np.array_equal(dataset.train[0].numpy(), found.data.astype(np.float32))
    target = dataset.train[1]
    assert np.array_equal(target.numpy().ravel(), found.target.astype(np.float32))
    assert target.shape == ((samples, 1) if task == "regression" else (samples,))
    assert (dataset.task, dataset.classes, dataset.features) == (task, classes, features)
    assert dataset.targets == (1 if task == "regression" else 0)


def test_fewer_samples_are_drawn_from_all_classes():
    spec = {"name": "iris", "samples": 30, "test_fraction": 0.0}
    inputs, target = load(validate({"data": spec}).data).train
    assert inputs.shape == (30, 4)
    assert len(torch.unique(target)) == 3  # the first 30 of the file are all of one class
    other = load(validate({"data": {**spec, "seed": 1}}).data).train[0]
    assert not torch.equal(inputs, other)


def test_more_samples_than_there_are():
    assert len(load(validate({"data": {"name": "iris", "samples": 9999, "test_fraction": 0.0}}).data).train[0]) == 150
