from __future__ import annotations

from trainlab.config import validate
from trainlab.data import load


def test_ones():
    dataset = load(validate({"data": {"name": "ones", "samples": 2, "features": 3, "value": -1.5}}).data)
    assert dataset.train[0].tolist() == [[-1.5] * 3] * 2
    assert (dataset.train[1], dataset.test, dataset.task, dataset.targets) == (None, None, "none", 0)
