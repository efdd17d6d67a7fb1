from __future__ import annotations

import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from trainlab.config import validate
from trainlab.data import load


def test_samples_and_split_are_scikit_learns():
    dataset = load(validate({"data": {"name": "classification"}}).data)
    x, y = make_classification(n_samples=1000, n_features=20, n_classes=2, random_state=42)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
    assert np.array_equal(dataset.train[0].numpy(), x_train.astype(np.float32))
    assert np.array_equal(dataset.train[1].numpy(), y_train)
    assert dataset.test is not None
    assert np.array_equal(dataset.test[0].numpy(), x_test.astype(np.float32))
    assert np.array_equal(dataset.test[1].numpy(), y_test)
    assert (dataset.task, dataset.classes, dataset.features, dataset.targets) == ("binary", 2, 20, 0)


def test_every_setting_reaches_scikit_learn():
    data = {"samples": 60, "features": 9, "informative": 4, "redundant": 3, "classes": 3, "label_noise": 0.3, "seed": 7}
    dataset = load(validate({"data": {"name": "classification", "test_fraction": 0.0, **data}}).data)
    x, y = make_classification(n_samples=60, n_features=9, n_informative=4, n_redundant=3, n_classes=3, flip_y=0.3, random_state=7)
    assert np.array_equal(dataset.train[0].numpy(), x.astype(np.float32))
    assert np.array_equal(dataset.train[1].numpy(), y)
    assert (dataset.test, dataset.task, dataset.classes) == (None, "multiclass", 3)
