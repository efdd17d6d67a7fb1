from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import broken, find, is_silent, make_trace, skip
from tests.rules.trainings import fit, judge, save
from trainlab.report import Skipped
from trainlab.rules.uninformative_features import UninformativeFeatures

RULE = UninformativeFeatures()
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(360, 8))
MODELS = [{"width": 200}, {"kind": "gru", "width": 16}]


def scores(own: float, other: float, skill: float = 0.0, train: float = 0.1, error: float = 0.05, **more: Any) -> Any:
    metrics = {
        "test_own_score": own,
        "test_shuffled_score": other,
        "oob_skill": skill,
        "oob_skill_error": error,
        "train_loss": train,
        "constant_loss": 0.7,
    }
    return make_trace(**{"task": "binary", "metrics": metrics, "samples": (800, 200), **more})


@pytest.mark.parametrize("model", MODELS)
def test_labels_that_belong_to_others(model: Any, tmp_path: Path) -> None:
    target = (INPUTS[:, 0] + INPUTS[:, 1] > 0).astype(int)
    lost = save(tmp_path, INPUTS, RNG.permutation(target))
    found = find(RULE, fit(RULE, lost, model=model, optimizer={"name": "adam", "lr": 0.03}, epochs=120))
    assert found.severity == "error"
    assert found.evidence["learned"] > 0.5
    assert judge(RULE, save(tmp_path, INPUTS, target), model=model, epochs=10) == []


def test_numbers_that_belong_to_others(tmp_path: Path) -> None:
    target = INPUTS[:, 0] + 0.1 * INPUTS[:, 1]
    assert find(RULE, fit(RULE, save(tmp_path, INPUTS, RNG.permutation(target)), "mse"))
    assert judge(RULE, save(tmp_path, INPUTS, target), "mse") == []


def test_a_task_that_is_only_hard() -> None:
    """The adding problem: no forest sees it, and a recurrent network only after a while."""
    (verdict,) = judge(RULE, {"name": "adding", "samples": 600, "length": 30}, "mse", model={"kind": "rnn", "width": 8}, epochs=3)
    assert isinstance(verdict, Skipped)
    assert "may only be hard" in verdict.reason


@pytest.mark.parametrize("data", ["iris", "digits", "wine", "circles", "moons"])
def test_inputs_that_tell(data: str) -> None:
    assert judge(RULE, {"name": data, "standardize": True}, epochs=5) == []


def test_thresholds() -> None:
    assert find(RULE, scores(0.5, 0.5)).severity == "error"
    assert find(RULE, scores(0.5, 0.5, train=0.4)).severity == "warning"
    assert is_silent(RULE, scores(0.7, 0.5))
    assert is_silent(RULE, scores(0.5, 0.5, skill=0.11))
    assert "too few" in skip(RULE, scores(0.5, 0.5, skill=0.1))
    assert find(RULE, scores(0.5, 0.5, skill=0.09))
    assert find(RULE, scores(0.04, -0.5, task="regression"))
    assert is_silent(RULE, scores(0.06, -0.5, task="regression"))


def test_too_little_to_judge() -> None:
    assert "19 updates" in skip(RULE, scores(0.5, 0.5, updates=19))
    assert "no test part" in skip(RULE, scores(0.5, 0.5, samples=(800, 0)))
    assert "finite" in skip(RULE, scores(0.5, 0.5, nonfinite=broken()))
    assert is_silent(RULE, make_trace(task="none"))
