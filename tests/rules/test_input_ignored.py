from __future__ import annotations

from typing import Any

import pytest

from tests.rules.traces import SCALES, broken, find, is_silent, make_trace, rescale, skip, summarize
from tests.rules.trainings import fit, judge
from trainlab.report import Skipped
from trainlab.rules.input_ignored import InputIgnored

RULE = InputIgnored()


def losses(own: float, shuffled: float, zero: float | None, linear: float | None = 0.3, **more: Any) -> Any:
    metrics = {"own_loss": own, "shuffled_loss": shuffled, "zero_loss": zero, "constant_loss": 0.7, "linear_loss": linear}
    return make_trace(**{"task": "binary", "objective": "bce", "metrics": {**metrics, **more.pop("metrics", {})}, **more})


@pytest.mark.parametrize(
    ("sick", "well"),
    [
        ({"layers": 12, "activation": "sigmoid"}, {"layers": 3}),
        ({"kind": "cnn", "layers": 10, "activation": "sigmoid"}, {"kind": "cnn"}),
        ({"dropout": 0.0, "init": {"name": "constant", "value": 0.0}}, {"dropout": 0.3}),
    ],
)
def test_what_cuts_the_way_from_the_input(sick: Any, well: Any) -> None:
    found = find(RULE, fit(RULE, {"name": "digits"}, model=sick, epochs=3))
    assert found.severity == "error"
    assert found.evidence["gain"] < 0.005
    assert judge(RULE, {"name": "digits"}, model=well, epochs=3) == []


def test_a_penalty_that_leaves_nothing() -> None:
    strong = {"name": "adam", "lr": 0.01, "weight_decay": 5.0}
    assert find(RULE, fit(RULE, {"name": "wine", "standardize": True}, optimizer=strong))


def test_inputs_that_say_nothing_are_another_rule() -> None:
    data = {"name": "random", "samples": 400, "features": 4, "classes": 2}
    for model in ({"width": 2}, {"init": {"name": "constant", "value": 0.0}}):
        assert all(isinstance(each, Skipped) for each in judge(RULE, data, model=model, epochs=8))


def test_a_network_worse_than_a_constant_may_still_look() -> None:
    model = {"layers": 3, "width": 1, "output": "same", "bias": False, "init": {"name": "constant", "value": 1.0}}
    assert (
        judge(RULE, {"name": "linear"}, "mse", model=model, optimizer={"name": "sgd", "lr": 0.01}, batch_size=None, epochs=200)
        == []
    )


def test_thresholds() -> None:
    assert is_silent(RULE, losses(0.5, 0.7, 0.7))
    assert is_silent(RULE, losses(0.69, 0.7, 0.6))  # zeros happen to be better, but the own inputs do say something
    assert find(RULE, losses(0.699, 0.7, 0.7)).evidence["gain"] == pytest.approx(0.001 / 0.7)
    assert find(RULE, losses(0.699, 0.7, None)).evidence["zero_loss"] is None
    assert "nothing shows" in skip(RULE, losses(0.699, 0.7, 0.7, linear=0.65))
    forest = {"oob_skill": 0.3, "oob_skill_error": 0.05}
    assert find(RULE, losses(0.699, 0.7, 0.7, linear=None, metrics=forest))


@pytest.mark.parametrize("factor", SCALES)
def test_units_do_not_matter(factor: float) -> None:
    for trace in (losses(0.5, 0.7, 0.7), losses(0.699, 0.7, 0.7)):
        assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)


def test_too_little_to_judge() -> None:
    assert "19 updates" in skip(RULE, losses(0.7, 0.7, 0.7, updates=19))
    assert "finite" in skip(RULE, losses(0.7, 0.7, 0.7, nonfinite=broken()))
    assert is_silent(RULE, make_trace(task="none"))
