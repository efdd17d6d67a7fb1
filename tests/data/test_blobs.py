from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from trainlab.config import validate
from trainlab.data import load
from trainlab.errors import UserError


def test_points_are_scikit_learns():
    spec = {"name": "blobs", "samples": 40, "features": 3, "classes": 5, "spread": 0.5, "seed": 7, "test_fraction": 0.0}
    dataset = load(validate({"data": spec}).data)
    x, y = make_blobs(n_samples=40, n_features=3, centers=5, cluster_std=0.5, random_state=7)
    assert np.array_equal(dataset.train[0].numpy(), x.astype(np.float32))
    assert np.array_equal(dataset.train[1].numpy(), y)
    assert (dataset.task, dataset.classes, dataset.shape) == ("multiclass", 5, (3,))


def test_more_classes_than_samples():
    with pytest.raises(UserError, match=r"data.classes: must not exceed `samples`"):
        validate({"data": {"name": "blobs", "samples": 2}})
