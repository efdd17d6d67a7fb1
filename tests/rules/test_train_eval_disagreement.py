from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.rules.traces import SCALES, broken, find, is_silent, make_trace, rescale, skip, summarize
from tests.rules.trainings import fit, judge
from trainlab.report import Trace
from trainlab.rules.train_eval_disagreement import TrainEvalDisagreement

RULE = TrainEvalDisagreement()
NORM = [("model.0", "Linear"), ("model.1", "BatchNorm1d")]


def modes(train: float, final: float, task: str = "binary", **more: Any) -> Any:
    measure = "loss" if task == "regression" else "accuracy"
    metrics = {f"train_mode_{measure}": train, f"eval_mode_{measure}": final, "constant_loss": 2.0}
    return make_trace(**{"task": task, "metrics": metrics, "modules": NORM, "samples": (512, 0), **more})


def norm(momentum: float) -> dict[str, Any]:
    return {"name": "batch", "momentum": momentum}


@pytest.mark.parametrize(
    ("data", "loss", "model", "optimizer"),
    [
        ({"name": "breast_cancer"}, "cross_entropy", {"layers": 4}, {"name": "adam", "lr": 0.005}),
        ({"name": "digits"}, "cross_entropy", {"kind": "cnn", "layers": 4, "width": 8}, {"name": "adam", "lr": 0.005}),
        ({"name": "diabetes", "samples": 440, "standardize": True}, "mse", {"layers": 3}, {"name": "adam", "lr": 0.05}),
    ],
)
def test_running_statistics_that_lag_behind(data: Any, loss: str, model: Any, optimizer: Any) -> None:
    more: dict[str, Any] = {"optimizer": optimizer, "epochs": 6}
    assert find(RULE, fit(RULE, data, loss, model={**model, "norm": norm(0.001)}, **more)).severity == "warning"
    assert judge(RULE, data, loss, model={**model, "norm": norm(0.1)}, **more) == []


def test_batches_too_small() -> None:
    data, more = {"name": "classification"}, {"optimizer": {"name": "sgd", "lr": 0.1}, "epochs": 6}
    assert find(RULE, fit(RULE, data, model={"norm": "batch", "layers": 4}, batch_size=4, **more)).severity == "info"
    assert judge(RULE, data, model={"norm": "batch", "layers": 4}, batch_size=16, **more) == []


def test_dropout_is_off_in_both_modes() -> None:
    assert judge(RULE, {"name": "moons"}, model={"norm": {"name": "batch", "place": "before"}, "dropout": 0.5}) == []


def test_thresholds() -> None:
    assert is_silent(RULE, modes(0.95, 0.87))
    assert find(RULE, modes(0.95, 0.85)).severity == "warning"
    assert find(RULE, modes(0.85, 0.95)).severity == "info"
    assert is_silent(RULE, modes(0.95, 0.85, samples=(60, 0)))
    assert is_silent(RULE, modes(1.0, 1.2, "regression"))
    assert find(RULE, modes(1.0, 1.21, "regression")).severity == "warning"
    assert is_silent(RULE, modes(1.4, 1.0, "regression"))
    assert find(RULE, modes(1.41, 1.0, "regression")).severity == "info"


@pytest.mark.parametrize("factor", SCALES)
def test_units_do_not_matter(factor: float) -> None:
    for trace in (modes(1.0, 1.2, "regression"), modes(1.0, 1.21, "regression")):
        scaled = rescale(trace, factor)
        assert summarize(RULE, scaled) == summarize(RULE, trace)


def test_too_little_to_judge() -> None:
    assert is_silent(RULE, make_trace(task="binary", modules=[("model.0", "Linear")]))
    assert "49 updates" in skip(RULE, modes(1.0, 0.1, updates=49))
    assert "finite" in skip(RULE, modes(1.0, 0.1, nonfinite=broken()))
    assert "not measured" in skip(RULE, make_trace(task="binary"))
    assert is_silent(RULE, make_trace(task="none"))


def test_a_loss_far_worse_makes_half_of_the_limit_enough() -> None:
    def dearer(by: float) -> Trace:
        trace = modes(0.99, 0.93)
        return replace(trace, metrics={**trace.metrics, "train_mode_loss": 0.1, "eval_mode_loss": 0.1 + by})

    assert is_silent(RULE, dearer(0.4))  # twice a tenth of the constant's 2
    assert find(RULE, dearer(0.41)).severity == "warning"
