"""Plans and conclusions, on traces written by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.rules.traces import broken, make_parameters, make_series
from tests.studies.plans import list_runs, make_options, read_rows
from tests.test_critical import stand
from trainlab.config import Config
from trainlab.plan import Conclusion
from trainlab.report import Trace
from trainlab.studies.landscape import PROBES, conclude, first

WEIGHTS = {"weights": (1.0, 2.0)}


def test_every_arm_is_trained_to_its_end() -> None:
    options = make_options(Config(), {"optimizer.lr": 0.1}, seeds=(0, 1))
    plan = first(Config(), options)
    assert [(name, seed) for name, _, seed in list_runs(plan)] == [
        (name, seed) for name in ("base", "optimizer.lr=0.1") for seed in (0, 1)
    ]
    assert set(plan.probes) == {*PROBES, "sharpness=0.05"} - {"sharpness"}
    assert "sharpness=0.2" in first(Config(), make_options(Config(), radius=0.2)).probes


def test_saved_weights_are_not_trained() -> None:
    options = make_options(Config(), {"optimizer.lr": 0.1}, {"weights": "other.pt"}, weights="net.pt")
    plan = first(Config(), options)
    assert [(run.config.weights, run.config.train.updates) for run in plan.runs] == [("net.pt", 0), ("other.pt", 0)]


def place(*eigenvalues: float, name: str = "base", seed: int = 0, **more: Any) -> Trace:
    """A trace with all that the study reads."""
    trace = stand(*eigenvalues, **more)
    metrics = {
        **trace.metrics,
        "point_gradient": 1e-9,
        "curvature_whole": 1.0,
        "curvature_trace": sum(eigenvalues),
        "escape_loss": 0.25,
        "escape_step": 1.0,
        "escape_slope": 0.0,
        "sharp_random": 1.1,
        "sharp_worst": 1.2,
        "sharp_adversarial": 1.3,
    }
    arrays = {
        **trace.arrays,
        "escape-steps": trace.arrays["eigenvalues"] * 0 + 0.5,
        "escape-loss": trace.arrays["eigenvalues"] * 0 + 0.7,
        "escape-back": trace.arrays["eigenvalues"] * 0 + 0.8,
    }
    parameters = tuple(replace(each, shape=(1,)) for each in make_parameters(len(eigenvalues) // 2))
    return replace(trace, name=name, seed=seed, metrics=metrics, arrays=arrays, parameters=parameters)


def study(*traces: Trace, config: Config | None = None) -> Conclusion:
    config = config or traces[0].config
    return conclude(config, make_options(config), traces, [], [])


def test_a_saddle() -> None:
    conclusion = study(place(-2.0, 2.0))
    assert conclusion.answer.text == (
        "It stopped at a saddle, uphill one way and downhill another: the gradient is 1e-09, a step against it gains 0 % "
        "of the loss (limit 0.1 %); the curvatures go from -2 to 2, 1 of 2 above 0. A step of 1 along "
        "the escape direction takes the loss from 1 to 0.25. The highest curvature "
        "is stable up to a rate of 1 (2/curvature); 0.1 is 10 % of it."
    )
    assert conclusion.answer.values["kind"] == "saddle"
    assert conclusion.answer.values["minimum_ratio"] == 0.5
    assert read_rows(conclusion, "escape") == [
        {"step": 0.5, "predicted": 1 - 0.25, "loss": 0.7, "the other way": 0.8},
        {"step": 0.5, "predicted": 1 - 0.25, "loss": 0.7, "the other way": 0.8},
    ]
    assert [row["curvature"] for row in read_rows(conclusion, "spectrum")] == ["2", "-2"]


SMALL = "the gradient is 1e-09, a step against it gains 0 % of the loss (limit 0.1 %); the curvatures go from"


@pytest.mark.parametrize(
    ("trace", "text"),
    [
        (place(1.0, 4.0, loss=0.5), f"It stopped at a minimum, uphill every way: {SMALL} 1 to 4, all above 0."),
        (
            place(0.0, 4.0, loss=0.5),
            f"It stopped at a degenerate minimum, a valley with a level floor: {SMALL} 0 to 4, 1 of 2 above 0, the others 0.",
        ),
        (place(0.0, 0.0), f"It stopped on a plateau, level as far as can be seen: {SMALL} 0 to 0, 0 of 2 above 0."),
    ],
)
def test_the_other_places(trace: Trace, text: str) -> None:
    conclusion = study(trace)
    assert conclusion.answer.text.startswith(text)
    assert "escape" not in {table.name for table in conclusion.tables}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"loss": 0.5, "lr": 0.6}, "The rate is at fault: 0.6, where 0.5 is the highest that is stable here; lower it."),
        ({"loss": 0.5}, "It is still on its way: train longer, or at a higher rate."),
        (
            {"loss": 0.5, "batch_size": 10},
            "It is still on its way, or its batches keep it moving: train longer, or let the rate fall.",
        ),
        ({"loss": 0.5, "updates": 0, "planned": 0}, "These weights are still on a slope: train on from them."),
    ],
)
def test_why_it_is_not_critical(more: dict[str, Any], reason: str) -> None:
    conclusion = study(place(1.0, 4.0, descent=0.3, **more))
    text = "It did not stop at a critical point: the gradient is 1e-09, and a step against it still gains 20 % of the loss "
    text += "(limit 0.1 %)."
    assert conclusion.answer.text == f"{text} {reason}"


def test_a_swing_is_the_fault_of_the_rate() -> None:
    trace = place(1.0, 4.0, loss=0.5, descent=0.3)
    trace = replace(trace, series={"loss": make_series([9.0, *[0.4, 0.6] * 40], per="epoch")})
    assert study(trace).answer.text.endswith("The rate is at fault: at 0.1 the loss swings between 0.4 and 0.6; lower it.")


def test_seeds_are_counted() -> None:
    conclusion = study(place(-2.0, 2.0), place(0.0, 4.0, loss=0.5, seed=1), place(-2.0, 2.0, name="other"))
    assert "So in 1 of 2 seeds." in conclusion.answer.text
    rows = read_rows(conclusion, "places")
    assert [(row["run"], row["seed"], row["verdict"]) for row in rows] == [
        ("base", 0, "saddle"),
        ("base", 1, "degenerate minimum"),
        ("other", 0, "saddle"),
    ]


def test_the_tolerances_of_the_rule_are_those_of_the_study() -> None:
    trace = place(-0.1, 4.0, loss=0.5)
    config = replace(trace.config, rules={"L005": {"curvature": 0.1}})
    assert study(trace).answer.values["kind"] == "saddle"
    assert study(trace, config=config).answer.values["kind"] == "degenerate minimum"


def test_a_run_that_died_has_no_place() -> None:
    trace = place(-2.0, 2.0)
    dead = replace(trace, metrics={"point_loss": None}, arrays={}, nonfinite=broken(7))
    conclusion = study(dead)
    assert conclusion.answer.text == "It did not stop anywhere: it left the finite numbers at update 7."
    assert read_rows(conclusion, "places")[0]["verdict"] == "not finite"


def test_what_was_ended_early_is_told_as_far_as_it_got() -> None:
    whole = place(-2.0, 2.0)
    nothing = study(replace(whole, metrics={"train_loss": 1.0}, arrays={}))
    assert nothing.answer.text.endswith("the command was ended before its curvatures were known.")
    assert {table.name for table in nothing.tables} == {"places"}
    curved = {name: value for name, value in whole.metrics.items() if not name.startswith(("escape", "sharp"))}
    arrays = {name: value for name, value in whole.arrays.items() if not name.startswith("escape")}
    partly = study(replace(whole, metrics=curved, arrays=arrays))
    assert partly.answer.text.startswith("It stopped at a saddle, uphill one way")
    assert "escape" not in partly.answer.text
    assert {table.name for table in partly.tables} == {"places", "sharpness", "spectrum"}


def test_many_curvatures_are_told_by_decade() -> None:
    values = [-0.5, -0.05, *[0.0] * 6, 0.05, 0.5, 5.0, 4.0]
    rows = read_rows(study(place(*values, loss=0.5)), "spectrum")
    assert [(row["curvature"], row["directions"]) for row in rows] == [
        ("0.5 to 5", 2),
        ("0.05 to 0.5", 1),
        ("0.005 to 0.05", 1),
        ("0 (within 0.0005)", 6),
        ("-0.005 to -0.05", 1),
        ("-0.05 to -0.5", 1),
    ]
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
