from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import find, make_trace, skip
from tests.rules.trainings import fit, judge, save
from trainlab.rules.non_finite_data import NonFiniteData

RULE = NonFiniteData()
INPUTS = np.random.default_rng(0).normal(size=(60, 4))
TARGET = np.arange(60) % 2


@pytest.mark.parametrize("model", [{}, {"kind": "gru", "width": 4}])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_one_number_that_is_none(value: float, model: Any, tmp_path: Path) -> None:
    inputs = INPUTS.copy()
    inputs[11, 2] = value
    found = find(RULE, fit(RULE, save(tmp_path, inputs, TARGET, test_fraction=0.0), model=model))
    assert (found.severity, found.where, found.evidence["feature"]) == ("error", "train", 2)
    assert found.message.startswith("1 input of the train part")
    assert judge(RULE, save(tmp_path, INPUTS * 1e30, TARGET), model=model) == []  # large is not infinite


def test_targets_and_test_part(tmp_path: Path) -> None:
    target = INPUTS[:, 0].copy()
    target[:] = np.where(np.arange(60) < 55, target, np.nan)
    found = judge(RULE, save(tmp_path, INPUTS, target), "mse")
    assert sum(each.evidence["targets"] for each in found) == 5
    assert all(each.evidence["feature"] is None for each in found)


def test_too_little_to_judge() -> None:
    assert "not measured" in skip(RULE, make_trace())
