from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import make_trace
from tests.studies.plans import list_runs, make_finding, make_options, make_run, read_rows
from trainlab.config import Config
from trainlab.config.training import Train
from trainlab.plan import Conclusion
from trainlab.report import Finding, Trace
from trainlab.studies import gradients

CONFIG = Config(seed=3, train=Train(epochs=50, batch_size=10))


def conclude(traces: list[Trace], findings: list[Finding] | None = None, **chosen: Any) -> Conclusion:
    options = make_options(CONFIG, seeds=[trace.seed for trace in traces if trace.name == "base"], **chosen)
    return gradients.conclude(CONFIG, options, traces, findings or [], [])


def test_plans_one_update_of_every_arm() -> None:
    plan = gradients.first(CONFIG, make_options(CONFIG, {"model.activation": "tanh"}, seeds=(3, 4)))
    tanh = {"model.activation": "tanh"}
    name = "model.activation=tanh"
    assert list_runs(plan) == [("base", {}, 3), ("base", {}, 4), (name, tanh, 3), (name, tanh, 4)]
    assert {run.config.train.updates for run in plan.runs} == {1}
    assert {run.config.train.batch_size for run in plan.runs} == {10}
    assert "vanishing-gradient" in plan.rules
    assert "gradient-norm" in plan.probes


def test_steps_are_updates_however_long_an_epoch_is() -> None:
    (run,) = gradients.first(CONFIG, make_options(CONFIG, steps=20)).runs
    assert (run.config.train.updates, run.config.train.epochs) == (20, 20)


def test_a_healthy_network() -> None:
    conclusion = conclude([make_trace(gradients=[0.5, 1.0, 2.0])])
    assert conclusion.answer.text == "The gradient reaches every layer: model.0.weight gets 0.5, model.2.weight gets 2."
    assert conclusion.answer.values["verdict"] == "healthy"
    assert [row["verdict"] for row in read_rows(conclusion, "layers")] == ["ok"] * 3


def test_biases_are_no_layers() -> None:
    assert [row["layer"] for row in read_rows(conclude([make_trace(gradients=[1.0, 1.0])]), "layers")] == [
        "model.0.weight",
        "model.1.weight",
    ]


def test_one_layer() -> None:
    text = conclude([make_trace(gradients=[0.5])]).answer.text
    assert text == "There is one weight layer, and the gradient reaches it: model.0.weight gets 0.5."


def test_a_vanishing_gradient_with_its_pace_and_its_start() -> None:
    evidence = {"per_layer_factor": 0.25, "starts_at": "model.1.weight", "layers": ["model.0.weight", "model.1.weight"]}
    found = make_finding("G001", where="model.1.weight", evidence=evidence)
    conclusion = conclude([make_trace(gradients=[1e-9, 1e-6, 1e-3])], [found])
    assert conclusion.answer.text == (
        "Gradients vanish on the way to the input: each layer passes back 0.25 of what it gets, "
        "so model.0.weight gets 1e-09, model.2.weight gets 0.001; it starts at model.1.weight."
    )
    assert conclusion.answer.values["starts_at"] == "model.1.weight"
    assert [row["verdict"] for row in read_rows(conclusion, "layers")] == ["vanishing", "vanishing", "ok"]


def test_a_fault_that_only_some_seeds_have() -> None:
    found = make_finding("G001", held=2, of=3, evidence={"starts_at": "model.0.weight"})
    traces = [make_run("base", gradients=[1e-9, 1.0], seed=seed) for seed in range(3)]
    assert "So in 2 of 3 seeds." in conclude(traces, [found]).answer.text


def test_an_explosion_says_what_the_rule_saw() -> None:
    found = make_finding("G002", message="first/last gradient norm is 1e4 (limit 70); try less")
    text = conclude([make_trace(gradients=[1e4, 1.0])], [found]).answer.text
    assert text.startswith("Gradients explode: first/last gradient norm is 1e4 (limit 70) (model.0.weight gets 1e+04")


@pytest.mark.parametrize(
    ("norms", "text"),
    [
        ([0.0, 0.0, 1.0], "No gradient reaches 2 of 3 layers (model.0.weight .. model.1.weight): "),
        ([0.0, 1.0, 1.0], "No gradient reaches 1 of 3 layers (model.0.weight): "),
        ([np.inf, 1.0, 1.0], "Gradients leave the finite numbers: model.0.weight gets inf"),
    ],
)
def test_what_no_rule_says(norms: list[float], text: str) -> None:
    assert conclude([make_trace(gradients=norms)]).answer.text.startswith(text)


def test_other_faults_stand_beside_the_answer() -> None:
    found = make_finding("G003", message="90% of the units of model.1 are 0.", where="model.1", severity="warning")
    conclusion = conclude([make_trace(gradients=[1.0, 1.0, 1.0])], [found])
    assert conclusion.answer.text.endswith("model.2.weight gets 1. But 90% of the units of model.1 are 0.")
    assert conclusion.answer.values["verdict"] == "dead units"


def test_arms_side_by_side_and_what_mends() -> None:
    traces = [
        make_run("base", gradients=[1e-9, 1.0]),
        make_run("model.activation=relu", {"model.activation": "relu"}, gradients=[1.0, 1.0]),
        make_run("model.activation=tanh", {"model.activation": "tanh"}, gradients=[0.0, 1.0]),
        make_run("model.activation=elu", {"model.activation": "elu"}, gradients=[1e-9, 1.0]),
    ]
    findings = [make_finding("G001"), make_finding("G001", "model.activation=elu")]
    conclusion = conclude(traces, findings)
    assert conclusion.answer.text.endswith(" Mended by model.activation=relu.")
    rows = read_rows(conclusion, "arms")
    assert [row["verdict"] for row in rows] == ["vanishing", "healthy", "no gradient", "vanishing"]
    assert [row["first/last"] for row in rows] == pytest.approx([1e-9, 1.0, 0.0, 1e-9])
    assert conclude([traces[0], traces[3]], findings).answer.text.endswith("None of the changes tried mends it.")


def test_a_change_mends_only_if_it_does_in_every_seed() -> None:
    traces = [make_run("base", gradients=[1e-9, 1.0], seed=seed) for seed in (0, 1)]
    traces += [make_run("b", {"optimizer.lr": 1.0}, gradients=[first, 1.0], seed=seed) for seed, first in enumerate((1.0, 0.0))]
    assert "None of the changes" in conclude(traces, [make_finding("G001", held=2, of=2)]).answer.text


def test_medians_over_seeds_are_said_to_be_medians() -> None:
    traces = [
        make_run(name, gradients=[norm, 1.0], seed=seed) for name in ("base", "b") for seed, norm in enumerate((1.0, 3.0, 2.0))
    ]
    conclusion = conclude(traces)
    assert [row["first"] for row in read_rows(conclusion, "arms")] == [2.0, 2.0]
    assert [table.title for table in conclusion.tables] == [
        "side by side: gradient norm of the weights (medians of 3 seeds)",
        "layers of base, seed 0, at update 1",
    ]


def test_what_is_no_number_is_left_empty() -> None:
    trace = make_trace(
        gradients=[1.0],
        changes=[np.nan],
        modules=[("model.0", "Linear"), ("model.1", "ReLU")],
        arrays={f"activation-{name}": [0.5, np.nan] for name in ("mean", "std", "saturated", "dead")},
    )
    (row,) = read_rows(conclude([trace]), "layers")
    assert (row["update:weight"], row["saturated"], row["out mean"]) == (None, None, None)


def test_the_signal_is_that_behind_the_activation() -> None:
    trace = make_trace(
        gradients=[1.0],
        modules=[("model.0", "Linear"), ("model.1", "Tanh")],
        arrays={f"activation-{name}": [0.1, 0.9] for name in ("mean", "std", "saturated", "dead")},
    )
    (row,) = read_rows(conclude([trace]), "layers")
    assert row["out mean"] == 0.9


def test_the_course_is_shown_where_there_is_one() -> None:
    trace = make_trace(gradients=[[1.0, 2.0], [3.0, 4.0]])
    rows = read_rows(conclude([trace], steps=2), "layers")
    assert [row["over the updates"] for row in rows] == [[1.0, 3.0], [2.0, 4.0]]
    assert "over the updates" not in read_rows(conclude([trace]), "layers")[0]


def test_an_arm_in_which_nothing_was_measured() -> None:
    empty = replace(make_trace(name="b", gradients=[1.0, 1.0]), series={})
    rows = read_rows(conclude([make_trace(gradients=[1.0, 1.0]), empty]), "arms")
    assert rows[1]["verdict"] == "not measured"
    assert conclude([empty]).answer.text == "Nothing could be measured."


def test_what_left_the_finite_numbers_is_the_answer() -> None:
    found = make_finding("G006", message="Inf appeared in update 1 at model.0.", where="model.0")
    conclusion = conclude([make_trace(gradients=[np.inf, 1.0])], [found])
    assert conclusion.answer.text == "Inf appeared in update 1 at model.0."
    assert [row["verdict"] for row in read_rows(conclusion, "layers")] == ["not finite", "ok"]


def test_no_gradient_at_all() -> None:
    assert conclude([make_trace(gradients=[0.0, 0.0])]).answer.text == "No gradient reaches any of the 2 layers."
