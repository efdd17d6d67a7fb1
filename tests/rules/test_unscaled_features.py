from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.rules.traces import broken, find, is_silent, make_trace, skip
from tests.rules.trainings import ADAM, SGD, fit, judge, save
from trainlab.config import validate
from trainlab.data import load
from trainlab.rules.unscaled_features import UnscaledFeatures

RULE = UnscaledFeatures()


def features(level: float = 1.0, spread: float = 1.0, train: float = 0.3, **more: Any) -> Any:
    scale = {"feature_level": level, "feature_spread": spread, "feature_power": level**2, "feature_count": 1, "feature_largest": 0}
    losses = {"train_loss": train, "constant_loss": 0.7, "linear_loss": 0.2, "train_accuracy": 0.9, "linear_accuracy": 0.9}
    return make_trace(task="binary", metrics={**scale, **losses, **more.pop("metrics", {})}, **more)


def spoil(folder: Path, factor: float, shift: float = 0.0) -> dict[str, Any]:
    dataset = load(validate({"data": {"name": "classification", "samples": 400, "features": 6}}).data)
    assert dataset.test is not None
    inputs, target = dataset.train
    inputs = inputs.clone()
    inputs[:, 0] = inputs[:, 0] * factor + shift
    return save(folder, inputs.numpy(), target.numpy())


@pytest.mark.parametrize("optimizer", [SGD, ADAM])
@pytest.mark.parametrize("data", ["wine", "breast_cancer"])
def test_real_data_that_are_not_scaled(data: str, optimizer: Any) -> None:
    found = find(RULE, fit(RULE, {"name": data}, optimizer=optimizer, epochs=15))
    assert "standardize" in found.message
    assert judge(RULE, {"name": data, "standardize": True}, optimizer=optimizer, epochs=60) == []


@pytest.mark.parametrize("data", ["iris", "digits", "blobs"])
def test_real_data_that_do_no_harm(data: str) -> None:
    assert judge(RULE, {"name": data}, epochs=40) == []


@pytest.mark.parametrize("model", [{}, {"kind": "gru", "width": 8}])
def test_one_feature_in_another_unit(model: Any, tmp_path: Path) -> None:
    found = find(RULE, fit(RULE, spoil(tmp_path, 1000), model=model, optimizer=SGD))
    assert found.severity == "error"
    assert found.where == "feature 0"
    assert found.evidence["spread"] > 100
    assert judge(RULE, {**spoil(tmp_path, 1000), "standardize": True}, model=model, epochs=40) == []


def test_a_year_is_far_from_0(tmp_path: Path) -> None:
    assert find(RULE, fit(RULE, spoil(tmp_path, 10, 2000), optimizer=SGD, batch_size=None)).evidence["level"] > 1000


def test_thresholds() -> None:
    assert is_silent(RULE, features(train=0.69))  # whatever the loss, these features are scaled
    assert is_silent(RULE, features(spread=10, train=0.69))
    assert is_silent(RULE, features(level=30, train=0.69))
    assert is_silent(RULE, features(spread=11))
    assert is_silent(RULE, features(spread=11, train=0.3))
    assert find(RULE, features(spread=11, train=0.301)).severity == "warning"
    assert find(RULE, features(level=31, train=0.65)).severity == "error"
    assert find(RULE, features(level=0.09, train=0.5))
    assert find(RULE, features(spread=11, metrics={"linear_accuracy": 0.93}))


def test_the_network_scales_by_itself() -> None:
    trace = fit(RULE, {"name": "wine"}, model={"input_norm": "batch"}, optimizer=SGD, epochs=2)
    assert is_silent(RULE, trace)


def test_divergence_is_its_doing_only_where_scaled_features_would_survive() -> None:
    assert "times squared size" in find(RULE, features(level=100, lr=0.01, nonfinite=broken())).message
    assert "not evidently" in skip(RULE, features(level=100, lr=3.0, nonfinite=broken()))
    assert "not evidently" in skip(RULE, features(level=31, lr=1e-4, nonfinite=broken()))


def test_too_little_to_judge() -> None:
    assert "19 updates" in skip(RULE, features(spread=99, train=0.69, updates=19))
    assert "not measured" in skip(RULE, make_trace())
    assert "cannot reach" in skip(RULE, features(spread=99, train=0.69, metrics={"reachable_loss": 0.5}))
    none = {"linear_loss": None, "linear_accuracy": None}
    assert "no linear model" in skip(RULE, features(spread=99, metrics=none))
