from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_iris

from tests.rules.traces import find, is_silent, make_trace, skip
from tests.rules.trainings import fit, judge, save
from trainlab.config.training import Train
from trainlab.rules.unshuffled_data import UnshuffledData

RULE = UnshuffledData()


def batches(purity: float, chance: float = 0.2, train: float = 0.3, **settings: Any) -> Any:
    losses = {"train_loss": train, "constant_loss": 0.7, "linear_loss": 0.2}
    trace = make_trace(task="binary", metrics={"batch_purity": purity, "batch_purity_shuffled": chance, **losses})
    return replace(trace, config=replace(trace.config, train=Train(**{"batch_size": 10, "shuffle": False, **settings})))


@pytest.mark.parametrize("model", [{}, {"kind": "lstm", "width": 8}])
def test_samples_sorted_by_class(model: Any, tmp_path: Path) -> None:
    inputs, target = load_iris(return_X_y=True)
    data = save(tmp_path, inputs, target, test_fraction=0.0, standardize=True)
    found = find(RULE, fit(RULE, data, model=model, shuffle=False, batch_size=10, epochs=3))
    assert found.evidence["purity"] > 0.9
    assert judge(RULE, data, model=model, batch_size=10, epochs=3) == []
    assert judge(RULE, data, model=model, batch_size=50, accumulate=3, shuffle=False, epochs=3) == []
    assert judge(RULE, {**data, "test_fraction": 0.2}, model=model, batch_size=10, shuffle=False, epochs=3) == []  # split at random


def test_numbers_sorted_by_size(tmp_path: Path) -> None:
    target = [float(each) for each in range(100)]
    data = save(tmp_path, [[each / 100] for each in target], target, test_fraction=0.0)
    assert find(RULE, fit(RULE, data, "mse", shuffle=False, batch_size=10))
    assert judge(RULE, data, "mse", batch_size=10) == []


def test_thresholds() -> None:
    assert is_silent(RULE, batches(0.6))  # (0.6 - 0.2) / 0.8 = 0.5
    assert find(RULE, batches(0.61)).severity == "warning"
    assert find(RULE, batches(0.61, train=0.46)).severity == "error"
    assert is_silent(RULE, batches(1.0, batch_size=None))
    assert is_silent(RULE, batches(1.0, shuffle=True))


def test_too_little_to_judge() -> None:
    assert "one sample" in skip(RULE, batches(1.0, 1.0, batch_size=1))
    assert "not measured" in skip(RULE, replace(batches(1.0), metrics={}))
