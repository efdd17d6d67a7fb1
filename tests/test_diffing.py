"""Two reports next to each other, as the JSON documents that the program writes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from trainlab.diffing import compare_reports, judge_against
from trainlab.report import Answer, Report, Run


def make_finding(code: str = "F001", severity: str = "warning", run: str = "base", where: str = "") -> dict[str, Any]:
    return {
        "code": code, "name": "overfitting", "severity": severity, "message": "m", "where": where, "evidence": {}, "run": run,
        "seeds": {"held": 1, "of": 1}, "because": None, "known": False, "suggestions": [],
    }  # fmt: skip


def make_document(*metrics: dict[str, Any], findings: list[dict[str, Any]] | None = None, **config: Any) -> dict[str, Any]:
    """A report with one run, a seed for each of `metrics`."""
    return {
        "environment": {"torch": "2.13.0", "device": "cpu"},
        "runs": [{"name": "base", "seed": seed, "config": {"model": config}, "metrics": each} for seed, each in enumerate(metrics)],
        "findings": findings or [],
    }


GOOD = {"train_loss": 0.5, "test_accuracy": 0.9, "test_r2": -0.5, "epochs_to_converge": 7}


def compare(old: dict[str, Any], new: dict[str, Any], tolerance: float = 0.02) -> Any:
    return compare_reports(old, new, tolerance)


def list_rows(report: Any, name: str) -> list[tuple[Any, ...]]:
    return [row for table in report.tables if table.name == name for row in table.rows]


def test_the_same_report_is_not_worse() -> None:
    report = compare(make_document(GOOD), make_document(GOOD))
    assert (report.exit_code, report.findings) == (0, ())
    assert report.answer.text == "Nothing is worse in 1 run and 3 metrics."
    assert {row[-1] for row in list_rows(report, "metrics")} == {"same"}
    assert [table.name for table in report.tables] == ["metrics"]


@pytest.mark.parametrize(
    ("metric", "value", "verdict"),
    [
        ("train_loss", 0.511, "worse"),
        ("train_loss", 0.509, "same"),
        ("train_loss", 0.489, "better"),
        ("test_accuracy", 0.881, "worse"),
        ("test_accuracy", 0.883, "same"),
        ("test_accuracy", 0.919, "better"),
        ("test_r2", -0.511, "worse"),
        ("test_r2", -0.489, "better"),
    ],
)
def test_what_is_worse_depends_on_the_metric_and_the_tolerance(metric: str, value: float, verdict: str) -> None:
    report = compare(make_document(GOOD), make_document({**GOOD, metric: value}))
    told = {row[1]: row[-1] for row in list_rows(report, "metrics")}
    assert told.pop(metric.replace("_", " ")) == verdict
    assert set(told.values()) == {"same"}
    assert report.exit_code == int(verdict == "worse")
    assert compare(make_document(GOOD), make_document({**GOOD, metric: value}), tolerance=0.5).exit_code == 0


def test_seeds_that_differ_more_than_the_means_decide_nothing() -> None:
    def make(*values: float) -> dict[str, Any]:
        return make_document(*({"test_accuracy": value} for value in values))

    assert compare(make(0.9, 0.7, 0.8), make(0.85, 0.6, 0.75)).exit_code == 0
    report = compare(make(0.9, 0.901, 0.899), make(0.85, 0.851, 0.849))
    assert (report.exit_code, report.answer.values["worse_metrics"]) == (1, ["base: test_accuracy"])
    assert report.answer.text == "Worse: test accuracy 0.9 -> 0.85 (-0.05, limit 0.018)."
    assert compare(make(0.9, 0.9), make(0.85, 0.85)).exit_code == 1, "seeds that do not differ at all are no noise"


def test_a_finding_that_is_new_or_worse() -> None:
    clean = make_document(GOOD)
    report = compare(clean, make_document(GOOD, findings=[make_finding()]))
    assert (report.exit_code, [each.code for each in report.findings]) == (1, ["F001"])
    assert report.answer.text.startswith("Worse: F001 overfitting is new or worse")
    assert list_rows(report, "findings") == [("F001", "overfitting", "base", "", None, "warning", "new")]
    mild, bad = (make_document(GOOD, findings=[make_finding(severity=each)]) for each in ("warning", "error"))
    assert compare(mild, bad).exit_code == 1
    assert list_rows(compare(bad, mild), "findings")[0][-1] == "milder"
    assert compare(bad, mild).exit_code == compare(mild, clean).exit_code == compare(mild, mild).exit_code == 0
    assert list_rows(compare(mild, clean), "findings")[0][-1] == "gone"


def test_what_is_worth_knowing_is_no_regression() -> None:
    assert compare(make_document(GOOD), make_document(GOOD, findings=[make_finding(severity="info")])).exit_code == 0


def test_settings_and_versions_that_differ_are_listed() -> None:
    old, new = make_document(GOOD, width=8, kind="mlp"), make_document(GOOD, width=16, kind="mlp")
    new["environment"] = {"torch": "2.14.0", "device": "cpu"}
    assert list_rows(compare(old, new), "settings") == [
        ("base", "model.width", "8", "16"),
        ("environment", "torch", "2.13.0", "2.14.0"),
    ]


def test_runs_without_a_counterpart() -> None:
    old, new = make_document(GOOD), make_document(GOOD)
    more = copy.deepcopy(new["runs"][0]) | {"name": "optimizer.lr=3"}
    new["runs"].append(more)
    assert list_rows(compare(old, new), "runs") == [("optimizer.lr=3", "only in the new report")]
    old["runs"][0]["name"] = "other"
    new["runs"] = [more]
    report = compare(old, new)
    assert report.exit_code == 4
    assert "no run in common" in report.answer.text


def test_a_metric_without_a_value_is_not_compared() -> None:
    report = compare(make_document(GOOD), make_document({**GOOD, "train_loss": None}))
    assert "train loss" not in {row[1] for row in list_rows(report, "metrics")}


def make_report(*metrics: dict[str, Any], name: str = "base", fail_on: str = "error", exit_code: int = 0) -> Report:
    runs = [
        Run(name=name, patch={}, seed=seed, config={}, metrics=each, layers=(), modules=(), series={})
        for seed, each in enumerate(metrics)
    ]
    answer = Answer(text="Healthy.", values={"healthy": True})
    return Report(
        command="check", complete=True, environment={}, answer=answer, runs=tuple(runs), fail_on=fail_on, exit_code=exit_code
    )


def test_the_base_is_set_beside_what_it_was() -> None:
    worse = judge_against(make_report({**GOOD, "test_accuracy": 0.8}), make_document(GOOD), 0.02)
    assert worse.answer.text == "Healthy. Worse than the baseline: test accuracy 0.9 -> 0.8 (-0.1, limit 0.018)."
    assert worse.answer.values == {"healthy": True, "worse_metrics": ["base: test_accuracy"]}
    assert worse.exit_code == 1
    assert [(row[1], row[-1]) for row in list_rows(worse, "baseline")] == [
        ("train loss", "same"),
        ("test accuracy", "worse"),
        ("test r2", "same"),
    ]


def test_what_is_not_worse_is_let_pass() -> None:
    same = make_report(GOOD)
    assert judge_against(same, make_document(GOOD), 0.02) is same
    better = judge_against(make_report({**GOOD, "train_loss": 0.4}), make_document(GOOD), 0.02)
    assert (better.exit_code, better.answer) == (0, same.answer)
    assert list_rows(better, "baseline")[0][-1] == "better"
    other = make_report({**GOOD, "train_loss": 9.0}, name="model.norm=batch")
    assert judge_against(other, make_document(GOOD), 0.02) is other, "only the base is set beside it"
    lost = make_report({**GOOD, "train_loss": float("inf")})
    assert judge_against(lost, make_document(GOOD), 0.02) is lost


@pytest.mark.parametrize(("fail_on", "before", "after"), [("never", 0, 0), ("warning", 0, 1), ("error", 1, 1), ("error", 4, 4)])
def test_what_is_worse_fails_only_where_something_may(fail_on: str, before: int, after: int) -> None:
    report = make_report({"train_loss": 9.0}, fail_on=fail_on, exit_code=before)
    assert judge_against(report, make_document(GOOD), 0.02).exit_code == after
