from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.studies.plans import list_runs, make_finding, make_options, make_run, read_rows
from trainlab.config import Config, apply_patch
from trainlab.config.data import Classification, Linear
from trainlab.errors import UserError
from trainlab.intervals import newcombe
from trainlab.plan import Conclusion
from trainlab.report import Finding, Skipped, Trace
from trainlab.studies import overfit
from trainlab.studies._gap import gap_interval

CONFIG = Config(data=Classification())
DECAY = {"optimizer.weight_decay": 0.04}


def make_classes(
    name: str, train: float, test: float, *, seed: int = 0, samples: tuple[int, int] = (400, 100), **fields: Any
) -> Trace:
    """A run that gets these shares right; the test samples it gets right come first, so that arms share most of them."""
    right = {
        f"{part}-correct": np.arange(count) < round(share * count)
        for part, share, count in zip(("train", "test"), (train, test), samples, strict=True)
    }
    metrics = {"train_accuracy": train, "test_accuracy": test, "train_loss": 0.1, "test_loss": 0.5}
    return make_run(
        name,
        seed=seed,
        loss=np.linspace(1, 0.1, 50),
        arrays=right,
        metrics=metrics,
        samples=samples,
        task="binary",
        **fields,
    )


def make_numbers(name: str, train: float, test: float) -> Trace:
    """A run whose every sample adds the same to R2."""
    metrics = {"train_r2": train, "test_r2": test, "train_loss": 0.1, "test_loss": 0.5}
    fit = {"train-fit": np.full(80, train), "test-fit": np.full(20, test)}
    return make_run(name, loss=[1.0, 0.1], metrics=metrics, arrays=fit, samples=(80, 20), task="regression")


def conclude(traces: Sequence[Trace], findings: Sequence[Finding] = (), skipped: Sequence[Skipped] = ()) -> Conclusion:
    return overfit.conclude(CONFIG, make_options(CONFIG, quick=True), traces, findings, skipped)


class TestFirst:
    def test_quick_sets_weight_decay_beside_a_base_alone(self) -> None:
        name = "optimizer.weight_decay=0.04"
        plan = overfit.first(CONFIG, make_options(CONFIG, seeds=(1, 2), quick=True))
        assert list_runs(plan) == [("base", {}, 1), ("base", {}, 2), (name, DECAY, 1), (name, DECAY, 2)]

    def test_what_is_asked_for_takes_its_place(self) -> None:
        plan = overfit.first(CONFIG, make_options(CONFIG, {"model.dropout": 0.5}))
        assert [run.name for run in plan.runs] == ["base", "model.dropout=0.5"]

    @pytest.mark.parametrize(("config", "key"), [(Config(), "data"), (Config(data=Linear()), "data.test_fraction")])
    def test_nothing_is_trained_without_a_test_part(self, config: Config, key: str) -> None:
        with pytest.raises(UserError) as caught:
            overfit.first(config, make_options(config))
        assert [problem.key for problem in caught.value.problems] == [key]

    def test_a_test_part_is_enough(self) -> None:
        config = apply_patch(Config(data=Linear()), {"data.test_fraction": 0.1}).config
        assert len(overfit.first(config, make_options(config, quick=True)).runs) == 2

    def test_a_fold_is_a_test_part(self) -> None:
        config = apply_patch(CONFIG, {"data.test_fraction": 0.0, "data.folds": 3}).config
        assert len(overfit.first(config, make_options(config, quick=True)).runs) == 2

    def test_every_fold_is_tested_in_turn(self) -> None:
        plan = overfit.first(CONFIG, make_options(CONFIG, quick=True, folds=3))
        assert [(run.name, run.config.data.folds, run.config.data.fold) for run in plan.runs][:4] == [
            ("base", 3, 0),
            ("base", 3, 1),
            ("base", 3, 2),
            ("optimizer.weight_decay=0.04", 3, 0),
        ]

    def test_data_without_parts_have_no_folds(self) -> None:
        with pytest.raises(UserError) as caught:
            overfit.first(Config(), make_options(Config(), folds=3))
        assert [problem.key for problem in caught.value.problems] == ["--folds"]

    def test_changes_that_are_named_are_all_there_is(self) -> None:
        options = make_options(CONFIG, {"model.dropout": 0.5})
        assert len(overfit.first(CONFIG, options).runs) == 2
        assert overfit.then(CONFIG, options, [], lambda _: []) is None


class TestAnswer:
    def test_overfits_and_what_helps(self) -> None:
        traces = [make_classes("base", 1.0, 0.6), make_classes("a=1", 0.9, 0.8)]
        conclusion = conclude(traces, [make_finding("F001")])
        low, high = newcombe((400, 400), (60, 100))
        assert conclusion.answer.text.startswith(
            "The network overfits: 100.0 % right on the training part, 60.0 % on the test part, a gap of 40.0 points "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f}, 100 test samples). "
            "a=1 helps: test accuracy 80.0 %, +20.0 points ("
        )
        values = conclusion.answer.values
        assert (values["verdict"], values["helps"], values["gap"]) == ("overfits", "a=1", pytest.approx(0.4))
        assert [row["verdict"] for row in read_rows(conclusion, "arms")] == ["overfits", "helps"]

    def test_of_several_that_help_the_one_that_helps_most(self) -> None:
        traces = [make_classes("base", 1.0, 0.4), make_classes("a=1", 0.9, 0.7), make_classes("b=1", 0.9, 0.9)]
        assert conclude(traces).answer.values["helps"] == "b=1"

    def test_does_not_overfit(self) -> None:
        assert conclude([make_classes("base", 0.9, 0.9)]).answer.text.startswith("The network does not overfit: 90.0 % right")

    def test_a_rule_that_could_not_tell(self) -> None:
        unsure = Skipped(code="F001", reason="at 12 test samples it is not certain")
        text = conclude([make_classes("base", 1.0, 0.9)], skipped=[unsure]).answer.text
        assert text.startswith("Whether the network overfits is not certain: 100.0 % right")

    def test_what_could_not_be_told_of_another_run_does_not_matter(self) -> None:
        unsure = Skipped(code="F001", run="a=1", reason="too few")
        assert conclude([make_classes("base", 0.9, 0.9)], skipped=[unsure]).answer.text.startswith("The network does not overfit")

    def test_a_run_trained_past_its_best_is_called_so(self) -> None:
        rows = read_rows(conclude([make_classes("base", 0.9, 0.9)], [make_finding("F004")]), "arms")
        assert rows[0]["verdict"] == "overtrains"

    @pytest.mark.parametrize(("code", "words"), [("F002", "The network underfits: "), ("L003", "The network diverges: ")])
    def test_other_faults_come_first(self, code: str, words: str) -> None:
        text = conclude([make_classes("base", 0.5, 0.5)], [make_finding("F001"), make_finding(code)]).answer.text
        assert text.startswith(words)

    def test_some_seeds_only(self) -> None:
        traces = [make_classes("base", 1.0, 0.9, seed=seed) for seed in range(3)]
        conclusion = conclude(traces, [make_finding("F001", held=2, of=3)])
        assert conclusion.answer.text.startswith("The network overfits in 2 of 3 seeds: ")
        assert read_rows(conclusion, "arms")[0]["verdict"] == "overfits in 2 of 3 seeds"

    def test_chance_is_named_with_the_change_that_came_nearest(self) -> None:
        traces = [make_classes("base", 1.0, 0.80), make_classes("a=1", 1.0, 0.81), make_classes("b=1", 1.0, 0.79)]
        text = conclude(traces).answer.text
        assert "None of the changes tried raises the test accuracy by more than chance could (most: a=1, +1.0 points (" in text

    def test_changes_that_harm(self) -> None:
        base, worse, bad = make_classes("base", 1.0, 0.9), make_classes("a=1", 1.0, 0.5), make_classes("b=1", 1.0, 0.4)
        assert conclude([base, worse]).answer.text.endswith("a=1 lowers the test accuracy.")
        assert conclude([base, worse, bad]).answer.text.endswith("a=1, b=1 lower the test accuracy.")
        same = make_classes("c=1", 1.0, 0.9)
        assert conclude([base, worse, same]).answer.text.endswith("by more than chance could. a=1 lowers it.")

    def test_a_run_that_cannot_be_measured(self) -> None:
        trace = make_run("base", loss=[1.0, np.nan], metrics={"train_accuracy": None, "test_accuracy": None}, task="binary")
        text = conclude([trace], [make_finding("G006", message="NaN appeared")]).answer.text
        assert text == "The network could not be measured on both parts: NaN appeared."


class TestNumbersToPredict:
    def test_r2(self) -> None:
        conclusion = conclude([make_numbers("base", 0.9, 0.3)], [make_finding("F001")])
        (low, high) = gap_interval([make_numbers("base", 0.9, 0.3)]) or (0.0, 0.0)
        assert low < 0.6 < high
        assert conclusion.answer.text == (
            "The network overfits: R2 is 0.9 on the training part and 0.3 on the test part, a gap of 0.6 "
            f"(95 % interval {low:.2g} to {high:.2g}, 20 test samples)."
        )
        (row,) = read_rows(conclusion, "arms")
        assert (row["train R2"], row["test R2"], row["gap"]) == (0.9, 0.3, pytest.approx(0.6))
        assert "95 % interval" not in row

    def test_what_raises_it(self) -> None:
        base = make_numbers("base", 0.9, 0.3)
        better, worse = make_numbers("a=1", 0.8, 0.5), make_numbers("a=1", 0.8, 0.1)
        assert conclude([base, better]).answer.text.endswith("a=1 helps: test R2 0.5, +0.200 (+0.200 to +0.200).")
        assert conclude([base, worse]).answer.text.endswith("a=1 lowers the test R2.")
        assert [each.metric for each in conclude([base, better]).comparisons] == ["test_r2"]


def stopping(name: str, patience: int | None, **fields: Any) -> Trace:
    patch = {"train.early_stopping": patience}
    return replace(make_run(name, patch, loss=np.ones(50), task="binary", **fields), patch={})


class TestTable:
    def test_where_it_stopped_is_shown_where_anything_may_stop(self) -> None:
        base = stopping("base", None, held={"validation": np.abs(np.arange(50) - 9.0)})
        ends = [stopping("a=1", 5, seed=seed, stopped=at, best_epoch=at - 5) for seed, at in enumerate((20, 31))]
        rows = read_rows(conclude([base, *ends]), "arms")
        assert [row["stopped at epoch"] for row in rows] == [None, 25.5]
        assert rows[0]["best epoch"] == 10
        assert "stopped at epoch" not in read_rows(conclude([base]), "arms")[0]
        one_ran_on = [ends[0], replace(ends[1], stopped=None)]
        assert read_rows(conclude([base, *one_ran_on]), "arms")[1]["stopped at epoch"] is None

    def test_the_best_epoch_of_the_test_part_without_a_validation_part(self) -> None:
        course = np.abs(np.arange(50) - 9.0)
        (row,) = read_rows(conclude([stopping("base", None, held={"test": course})]), "arms")
        assert row["best epoch"] == 10
        (row,) = read_rows(conclude([stopping("base", None, held={"test": course * np.nan})]), "arms")
        assert row["best epoch"] is None

    def test_means_over_seeds(self) -> None:
        traces = [make_classes("base", 1.0, test, seed=seed) for seed, test in enumerate((0.7, 0.8, 0.9))]
        conclusion = conclude(traces)
        (row,) = read_rows(conclusion, "arms")
        assert row["test accuracy"] == pytest.approx(0.8)
        assert row["gap"] == pytest.approx(0.2)
        assert conclusion.tables[0].title == "train against test (means over 3 seeds)"

    def test_an_arm_without_a_test_part(self) -> None:
        lone = make_run(
            "data.test_fraction=0",
            loss=[1.0, 0.5],
            arrays={"train-correct": np.ones(10)},
            metrics={"train_accuracy": 1.0, "train_loss": 0.1},
            task="binary",
        )
        row = read_rows(conclude([make_classes("base", 1.0, 0.9), lone]), "arms")[1]
        assert (row["train accuracy"], row["test accuracy"], row["gap"], row["95 % interval"]) == (1.0, None, None, None)

    def test_seeds_that_stopped_at_different_epochs_have_no_common_curve(self) -> None:
        traces = [make_run("base", loss=np.ones(length), seed=length, task="binary") for length in (3, 4)]
        assert read_rows(conclude(traces), "arms")[0]["loss"] is None

    def test_the_interval_of_the_gap_is_the_mean_over_seeds(self) -> None:
        traces = [make_classes("base", 1.0, test, seed=seed) for seed, test in enumerate((0.7, 0.9))]
        ends = [newcombe((400, 400), (right, 100)) for right in (70, 90)]
        assert gap_interval(traces) == pytest.approx(tuple(np.mean(ends, axis=0)))
        assert gap_interval([make_run("base", loss=[1.0], task="binary")]) is None

    def test_folds_are_one_test_part(self) -> None:
        folds = [make_classes("base", 1.0, test) for test in (0.7, 0.9)]
        assert gap_interval(folds) == pytest.approx(newcombe((400, 400), (160, 200)))
