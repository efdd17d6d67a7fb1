from __future__ import annotations

import math

import torch

from tests.probes.resting import read, rest
from trainlab.probes.finite_data import evaluate

NAN, INF = math.nan, math.inf


def test_counts_samples_not_numbers():
    inputs = torch.tensor([[1.0, NAN, INF], [0, 0, -INF], [1, 2, 3]])
    found = read(evaluate(rest(inputs, torch.tensor([[NAN], [1.0], [INF]]), test=(torch.ones(2, 3), torch.tensor([[1.0], [NAN]])))))
    assert found == {
        "nonfinite_feature": 1,
        "train_nonfinite_inputs": 2,
        "train_nonfinite_targets": 2,
        "test_nonfinite_inputs": 0,
        "test_nonfinite_targets": 1,
    }


def test_all_finite():
    found = read(evaluate(rest(torch.ones(3, 2), torch.tensor([0, 1, 1]), loss="cross_entropy", task="binary")))
    assert math.isnan(found.pop("nonfinite_feature"))
    assert found == {"train_nonfinite_inputs": 0, "train_nonfinite_targets": 0}
