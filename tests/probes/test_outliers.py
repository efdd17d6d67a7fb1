from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.probes.resting import read, rest
from trainlab.probes.outliers import evaluate

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(300, 4))


def test_targets_far_off():
    target = NORMAL[:, :1].copy()
    target[[7, 9]] = [[30.0], [-40.0]]
    found = read(evaluate(rest(NORMAL, target)))
    off = np.abs(target - np.sort(target, axis=0)[149])  # torch takes the lower of two medians
    assert (found["target_outliers"], found["target_outlier"]) == (2, 9)
    assert found["target_outlier_share"] == pytest.approx((off[[7, 9]] ** 2).sum() / (off**2).sum())
    assert found["target_outlier_absolute_share"] == pytest.approx(off[[7, 9]].sum() / off.sum())
    assert (found["input_outliers"], found["input_outlier_share"]) == (0, 0)


def test_a_sample_far_off_as_a_whole_and_one_odd_number():
    inputs = NORMAL.copy()
    inputs[5] += 20
    inputs[6, 0] = 20
    found = read(evaluate(rest(inputs, torch.zeros(300).long(), loss="cross_entropy", task="binary")))
    assert (found["input_outliers"], found["input_outlier"]) == (1, 5)
    assert "target_outliers" not in found


@pytest.mark.parametrize("draw", [np.exp, lambda x: np.sign(x) * x**2, lambda x: x > 1, lambda x: x * 0])
def test_a_long_tail_is_no_outlier(draw):
    values = draw(RNG.normal(size=(1000, 4))).astype(float)
    found = read(evaluate(rest(values, values[:, :1])))
    assert found.get("input_outliers", 0) == 0
    assert found.get("target_outliers", 0) <= 1


def test_units_do_not_matter():
    inputs = NORMAL.copy()
    inputs[5] += 20
    one, other = (read(evaluate(rest(each, torch.zeros(300).long(), task="binary"))) for each in (inputs, 1000 + 1e6 * inputs))
    assert one == pytest.approx(other, rel=1e-6, nan_ok=True)
    assert evaluate(rest(torch.ones(9, 3).long())) == {}
