from __future__ import annotations

import pytest
import torch

from tests.probes.resting import read, rest
from trainlab.probes.duplicates import evaluate


def test_rows_by_hand():
    train = torch.tensor([[1.0, 2.0], [3.0, 4.0], [3.0, 4.0], [0.0, 0.5]])
    test = torch.tensor([[3.0, 4.0], [1.0, 2.5], [-0.0, 0.5]])
    found = read(evaluate(rest(train, test=(test, None))))
    assert found == {"duplicate_rate": pytest.approx(2 / 3), "repeat_rate": 0.5, "grain": 1.0}


def test_against_every_pair():
    stream = torch.Generator().manual_seed(0)
    train, test = torch.randint(4, (80, 3), generator=stream), torch.randint(4, (40, 3), generator=stream)
    found = read(evaluate(rest(train, test=(test, None))))
    same = (train[:, None] == train[None]).all(dim=2).sum(dim=1) > 1
    assert found["duplicate_rate"] == (test[:, None] == train[None]).all(dim=2).any(dim=1).double().mean()
    assert found["repeat_rate"] == same.double().mean()
    assert found["grain"] == 4 / len(torch.unique(train, dim=0))


def test_without_a_test_part():
    assert evaluate(rest(torch.ones(3, 1))) == {}
