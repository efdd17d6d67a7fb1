"""What the source texts call a fault is found under its name, with the figures that were measured for it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.cli.running import report
from tests.rules.trainings import train
from trainlab.judging import list_rules
from trainlab.report import Finding, Trace

CHAIN: dict[str, Any] = {
    "model": {"layers": 3, "width": 1, "output": "same", "init": {"name": "constant", "value": 1.0}, "bias": False},
    "data": {"name": "linear", "samples": 100, "slope": 3.0, "intercept": 2.0, "noise": 0.1, "seed": 42},
    "loss": "mse",
}
RULES = list_rules()


def judge(code: str, **values: Any) -> tuple[Trace, list[Finding]]:
    rule = RULES[code]()
    trace = train(rule, **values)
    return trace, [each for each in rule.judge(trace) if isinstance(each, Finding)]


def test_features_that_are_not_scaled() -> None:
    """Wine in its own units: what is right on the test part falls from nearly all to two in five."""
    course: dict[str, Any] = {
        "model": {"layers": 2, "width": 16, "init": {"name": "default"}},
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.05},
        "train": {"epochs": 60, "batch_size": 16},
    }
    raw, found = judge("D001", data={"name": "wine", "standardize": False, "test_fraction": 0.3}, **course)
    assert [each.severity for each in found] == ["error"]
    assert raw.metrics["test_accuracy"] == pytest.approx(0.389, abs=0.02)
    scaled, found = judge("D001", data={"name": "wine", "standardize": True, "test_fraction": 0.3}, **course)
    assert found == []
    assert scaled.metrics["test_accuracy"] >= 0.96


@pytest.mark.parametrize("lr", [0.165, 0.2])
def test_the_giant_step_that_kills_the_chain(lr: float) -> None:
    trace, (found,) = judge("L008", optimizer={"name": "sgd", "lr": lr}, train={"epochs": 50}, **CHAIN)
    assert found.severity == "error"
    assert found.evidence["end"] == pytest.approx(13.33546, abs=1e-5)
    assert not trace.series["gradient-norm"].values[-1].any()


def test_one_target_far_off_carries_most_of_the_gradient() -> None:
    data = {**CHAIN["data"], "outliers": 0.01}
    model = {"layers": 2, "width": 1, "init": {"name": "zeros"}}
    _, (found,) = judge("G009", data=data, model=model, loss="mse", optimizer={"name": "sgd", "lr": 0.001}, train={"epochs": 5})
    assert found.evidence["share"] == pytest.approx(0.77, abs=0.05)


def test_weights_from_a_standard_normal_multiply_the_variance_by_half_the_width() -> None:
    """At width 100, 50 a layer."""
    trace, found = judge(
        "G007",
        data={"name": "random", "samples": 1000, "features": 100},
        model={"layers": 11, "width": 100, "init": {"name": "normal", "std": 1.0}},
        loss="cross_entropy",
        optimizer={"name": "sgd", "lr": 1e-12},
    )
    assert [each.code for each in found] == ["G007"]
    variances = [
        float(value)
        for module, value in zip(trace.modules, trace.arrays["initial-variance"], strict=True)
        if module.kind == "Linear"
    ]
    factors = [later / earlier for earlier, later in itertools.pairwise(variances)]
    assert float(sorted(factors)[len(factors) // 2]) == pytest.approx(50, rel=0.25)


def test_units_die_because_of_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "check", "lr-sweep", "--lr", "0.165", "--set", "vs=[]", "--quiet", "--diagnose", "--fail-on", "never")
    because = {each["code"]: each["because"] for each in document["findings"]}
    assert document["findings"][0]["code"] == "L001"
    assert (because["L001"], because["G003"], because["L008"]) == (None, "L001", "L001")
    assert document["summary"]["errors"] == 1
