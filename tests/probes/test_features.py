from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.probes.resting import read, rest
from trainlab.probes.features import evaluate


def test_columns_against_numpy():
    values = np.random.default_rng(0).normal([0, 300, -2, 7], [1, 2, 0.1, 0], (50, 4))
    found = read(evaluate(rest(values)))
    level = np.sqrt((values**2).mean(axis=0))
    assert found["feature_level"] == pytest.approx(level[1])
    assert found["feature_spread"] == pytest.approx(level[1] / np.median(values[:, :3].std(axis=0)))
    assert found["feature_power"] == pytest.approx((values**2).sum(axis=1).mean())
    assert (found["feature_count"], found["feature_largest"]) == (4, 1)


def test_the_channels_of_images():
    values = np.random.default_rng(0).normal(size=(20, 2, 3, 3)) * np.array([1, 50])[:, None, None]
    found = read(evaluate(rest(values)))
    assert found["feature_level"] == pytest.approx(np.sqrt((values[:, 1] ** 2).mean()))
    assert found["feature_power"] == pytest.approx((values**2).sum(axis=(1, 2, 3)).mean())
    assert (found["feature_count"], found["feature_largest"]) == (18, 1)


def test_what_is_not_finite_is_left_out():
    values = torch.randn(30, 2)
    whole = read(evaluate(rest(values)))
    more = torch.cat([values, torch.tensor([[torch.nan, torch.inf]])])
    assert read(evaluate(rest(more))) == pytest.approx(whole)


@pytest.mark.parametrize("values", [torch.ones(5, 2), torch.ones(5, 2).long()])
def test_nothing_varies_or_tokens(values):
    assert evaluate(rest(values)) == {}
