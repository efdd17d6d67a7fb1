from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.studies.plans import list_runs, make_finding, make_options, make_run, read_rows
from trainlab.config import Config
from trainlab.judging import list_rules
from trainlab.plan import Conclusion
from trainlab.report import Skipped
from trainlab.studies import check

CONFIG = Config()


def conclude(*findings: Any, skipped: Any = (), **fields: Any) -> Conclusion:
    given: dict[str, Any] = {"task": "binary", "metrics": {"train_accuracy": 0.99, "test_accuracy": 0.9, "train_loss": 0.1}}
    trace = make_run("base", loss=[1.0, 0.5, 0.1], **{**given, **fields})
    return check.conclude(CONFIG, make_options(CONFIG), [trace], findings, skipped)


def test_every_rule_there_is_judges_every_arm_and_seed() -> None:
    options = make_options(CONFIG, {"optimizer.lr": 0.5}, seeds=(0, 1))
    plan = check.first(CONFIG, options)
    assert plan.rules == tuple(
        rule.name
        for rule in sorted(list_rules().values(), key=lambda rule: rule.name)
        if not hasattr(rule, "judge_study") and getattr(rule, "scope", "run") == "run"
    )
    assert [(name, seed) for name, _, seed in list_runs(plan)] == [
        ("base", 0),
        ("base", 1),
        ("optimizer.lr=0.5", 0),
        ("optimizer.lr=0.5", 1),
    ]


def test_healthy_says_what_was_judged_and_what_could_not_be() -> None:
    answer = conclude(skipped=[Skipped(code="F001", reason="no test part")]).answer
    judged = len(check.RULES) - 1
    assert answer.text.startswith(
        f"Healthy: {judged} rules found nothing wrong, 1 could not judge (F001). Right: 99.0 % on the train"
    )
    assert answer.values == {"healthy": True, "cause": None, "judged": judged, "not_judged": ["F001"]}


def test_what_is_only_worth_knowing_is_no_fault() -> None:
    conclusion = conclude(make_finding("C005", severity="info"))
    assert conclusion.answer.values["healthy"] is True
    assert len(conclusion.findings) == 1


def test_the_first_line_names_the_cause_what_follows_and_what_stands_beside() -> None:
    answer = conclude(
        make_finding("L002", name="learning-rate-too-low", severity="warning"),
        make_finding("F002", because="L002"),
        make_finding("D001", severity="warning"),
    ).answer
    assert answer.text == (
        "The likeliest cause of what is wrong: the steps are too short: the run stopped on the slope (L002). "
        "From it follows F002. Beside it: D001. Right: 99.0 % on the train part, 90.0 % on the test part."
    )
    assert answer.values["cause"] == "L002"


def test_where_and_in_how_many_seeds() -> None:
    answer = conclude(make_finding("G003", name="dead-units", where="model.1", held=2, of=3)).answer
    assert answer.text.startswith("The likeliest cause of what is wrong at model.1 in 2 of 3 seeds: ")


@pytest.mark.parametrize(
    ("task", "metrics", "ending"),
    [
        ("regression", {"train_r2": 0.5, "test_r2": 0.25}, "R2 is 0.5 on the train part, 0.25 on the test part."),
        ("regression", {"train_r2": -math.inf, "test_r2": -math.inf}, "found nothing wrong."),  # of one sample
        ("multiclass", {"train_accuracy": 0.5}, "Right: 50.0 % on the train part."),
        ("none", {}, "found nothing wrong."),
    ],
)
def test_what_was_reached(task: str, metrics: dict[str, float], ending: str) -> None:
    assert conclude(task=task, metrics=metrics).answer.text.endswith(ending)


def test_one_row_an_arm_with_its_own_verdict() -> None:
    traces = [
        make_run(name, patch, seed=seed, loss=[1.0, 0.5], task="binary", metrics={"train_accuracy": 0.5 + seed / 2})
        for name, patch in (("base", None), ("optimizer.lr=9.0", {"optimizer.lr": 9.0}))
        for seed in (0, 1)
    ]
    findings = [make_finding("L003", "optimizer.lr=9.0", name="diverged", held=1, of=2)]
    conclusion = check.conclude(CONFIG, make_options(CONFIG, {"optimizer.lr": 9.0}, seeds=(0, 1)), traces, findings, [])
    assert conclusion.answer.values["healthy"] is True
    rows = read_rows(conclusion, "runs")
    assert [(row["run"], row["verdict"], row["train accuracy"]) for row in rows] == [
        ("base", "healthy", 0.75),
        ("optimizer.lr=9.0", "diverged in 1 of 2 seeds", 0.75),
    ]


def test_on_a_healthy_base_and_for_a_diagnosis_nothing_is_tried() -> None:
    trace = make_run("base", loss=[1.0, 0.5], task="binary", metrics={"train_accuracy": 0.5})
    options = make_options(CONFIG, **{"try": True})
    beside = [make_finding("C005", severity="info"), make_finding("L001", "optimizer.lr=9.0")]
    assert check.then(CONFIG, options, [trace], lambda _: beside) is None
    assert check.then(CONFIG, make_options(CONFIG), [trace], lambda _: [make_finding("L001")]) is None
    assert check.then(CONFIG, options, [trace], lambda _: [make_finding("D007")]) is None


def test_what_is_wrong_is_tried_to_be_mended_next_to_a_control() -> None:
    trace = make_run("base", loss=[1.0, 0.5], task="binary", metrics={"train_accuracy": 0.5})
    plan = check.then(CONFIG, make_options(CONFIG, **{"try": True}), [trace], lambda _: [make_finding("L001")])
    assert plan is not None
    names = [run.name for run in plan.runs]
    assert names[0] == "control (tried)"
    assert "optimizer.lr=0.001 (tried)" in names
    assert plan.rules == check.RULES


def test_trial_runs_are_rows_of_their_own_table_and_raise_nothing() -> None:
    base = make_run("base", loss=[1.0, 0.5], task="binary", metrics={"train_accuracy": 0.5})
    control = make_run("control (tried)", loss=[1.0, 0.5], task="binary", updates=10, planned=10)
    tried = make_run("optimizer.lr=0.001 (tried)", {"optimizer.lr": 0.001}, loss=[1.0, 0.5], task="binary", updates=10, planned=10)
    findings = [
        make_finding("L001", name="learning-rate-too-high"),
        make_finding("L003", control.name),
        make_finding("L003", tried.name),
    ]
    conclusion = check.conclude(CONFIG, make_options(CONFIG, **{"try": True}), [base, control, tried], findings, [])
    assert [each.run for each in conclusion.findings] == ["base"]
    assert conclusion.about == frozenset({"base"})
    assert [row["run"] for row in read_rows(conclusion, "runs")] == ["base"]
    assert [(row["change"], row["still wrong"]) for row in read_rows(conclusion, "remedies")] == [
        ("nothing", "L003"),
        ("optimizer.lr=0.001", "L003"),
    ]
    assert "None of the remedies mends it. Tried: 1 change" in conclusion.answer.text
    assert conclusion.answer.values["mended"] is None


def make_base(seed: int, loss: float = 0.5) -> Any:
    return make_run("base", seed=seed, loss=[1.0, loss], task="binary", metrics={"train_accuracy": 0.5, "train_loss": loss})


def test_what_looks_healthy_with_one_seed_is_seen_with_two_more() -> None:
    options = replace(make_options(CONFIG, **{"try": True}), seeds_given=False)
    more = check.then(CONFIG, options, [make_base(0)], lambda _: [])
    assert more is not None
    assert [(name, seed) for name, _, seed in list_runs(more)] == [("base", 1), ("base", 2)]
    seeds = [make_base(seed) for seed in range(3)]
    assert check.then(CONFIG, options, seeds, lambda _: []) is None
    assert check.then(CONFIG, make_options(CONFIG, **{"try": True}), [make_base(0)], lambda _: []) is None
    assert check.then(CONFIG, replace(make_options(CONFIG), seeds_given=False), [make_base(0)], lambda _: []) is None
    sick = check.then(CONFIG, options, [make_base(0)], lambda _: [make_finding("L001")])
    assert sick is not None
    assert sick.runs[0].name == "control (tried)"


def test_remedies_are_tried_with_the_seed_that_did_worst() -> None:
    options = replace(make_options(CONFIG, **{"try": True}), seeds_given=False)
    traces = [make_base(0), make_base(1, loss=0.9), make_base(2)]
    plan = check.then(CONFIG, options, traces, lambda _: [make_finding("L001", held=1, of=3)])
    assert plan is not None
    assert {run.config.seed for run in plan.runs} == {1}
