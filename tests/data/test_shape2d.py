from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets

from trainlab.config import validate
from trainlab.data import load


@pytest.mark.parametrize("name", ["moons", "circles"])
def test_points_are_scikit_learns(name):
    settings = {"name": name, "samples": 50, "noise": 0.2, "seed": 3, "test_fraction": 0.0}
    dataset = load(validate({"data": settings}).data)
    x, y = getattr(datasets, f"make_{name}")(n_samples=50, noise=0.2, random_state=3)
    assert np.array_equal(dataset.train[0].numpy(), x.astype(np.float32))
    assert np.array_equal(dataset.train[1].numpy(), y)
    assert (dataset.task, dataset.features) == ("binary", 2)
