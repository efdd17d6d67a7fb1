from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import find, is_silent, make_trace, skip
from tests.rules.trainings import fit, judge, save
from trainlab.report import Skipped
from trainlab.rules.leakage import Leakage

RULE = Leakage()
RNG = np.random.default_rng(0)
SMALL = {"epochs": 1}


def parts(share: float, repeats: float = 0.0, grain: float = 1.0, samples: tuple[int, int] = (800, 200)) -> Any:
    return make_trace(metrics={"duplicate_rate": share, "repeat_rate": repeats, "grain": grain}, samples=samples)


@pytest.mark.parametrize("model", [{}, {"kind": "gru", "width": 4}])
def test_samples_doubled_before_the_split(model: Any, tmp_path: Path) -> None:
    inputs, target = RNG.normal(size=(200, 5)), RNG.integers(0, 2, 200)
    doubled = save(tmp_path, np.concatenate([inputs, inputs[:80]]), np.concatenate([target, target[:80]]))
    found = find(RULE, fit(RULE, doubled, model=model, **SMALL))
    assert found.severity == "error"
    assert 0.3 < found.evidence["share"] < 0.7
    assert judge(RULE, save(tmp_path, inputs, target), model=model, **SMALL) == []


@pytest.mark.parametrize("data", ["digits", "iris", "wine", "breast_cancer", "diabetes", "linear", "moons", "classification"])
def test_data_split_as_they_should_be(data: str) -> None:
    fraction = {"test_fraction": 0.2}
    assert judge(RULE, {"name": data, **fraction}, "mse" if data in ("diabetes", "linear") else "cross_entropy", **SMALL) == []


def test_a_bootstrap_repeats_training_samples_only() -> None:
    assert judge(RULE, {"name": "classification", "bootstrap": 1}, **SMALL) == []


def test_a_few_values_repeat_by_chance(tmp_path: Path) -> None:
    data = save(tmp_path, RNG.integers(0, 3, (300, 3)), RNG.integers(0, 2, 300))
    (skipped,) = judge(RULE, data, **SMALL)
    assert isinstance(skipped, Skipped)
    assert "few values" in skipped.reason


def test_counts_that_repeat_across_the_parts_only(tmp_path: Path) -> None:
    inputs = RNG.integers(0, 5, (300, 12))
    target = RNG.integers(0, 2, 300)
    assert judge(RULE, save(tmp_path, inputs, target), **SMALL) == []
    assert find(RULE, parts(0.3, repeats=0.02, grain=0.01))


def test_thresholds() -> None:
    assert is_silent(RULE, parts(0.01))
    assert find(RULE, parts(0.015)).evidence["share"] == 0.015
    assert is_silent(RULE, parts(0.02, samples=(800, 50)))  # one sample
    assert "few values" in skip(RULE, parts(0.2, repeats=0.2, grain=0.49))
    assert find(RULE, parts(0.2, repeats=0.2, grain=0.5))


def test_too_little_to_judge() -> None:
    assert "no test part" in skip(RULE, make_trace())
    assert "9 test samples" in skip(RULE, parts(1.0, samples=(80, 9)))
    assert "not measured" in skip(RULE, make_trace(samples=(80, 20)))
