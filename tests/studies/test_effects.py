from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.studies.plans import make_finding, make_options, make_run, read_rows
from tests.studies.test_trials import CONFIG, PART
from trainlab.plan import Conclusion, Options
from trainlab.report import Finding, Trace
from trainlab.studies import overfit


def ask(*remedies: str) -> Options:
    return make_options(CONFIG, remedy=remedies)


def make_classes(name: str, train: float, test: float, *, samples: int = 200, **fields: Any) -> Trace:
    right = {"train-correct": np.arange(400) < 400 * train, "test-correct": np.arange(samples) < samples * test}
    metrics = {"train_accuracy": train, "test_accuracy": test, "train_loss": 0.1, "test_loss": 0.5, **fields.pop("metrics", {})}
    arrays = right | fields.pop("arrays", {})
    return make_run(name, loss=[1.0, 0.1], arrays=arrays, metrics=metrics, samples=(400, samples), task="binary", **fields)


def make_choice(name: str, accuracy: float) -> Trace:
    """A run of the choice of a strength."""
    return make_run(f"{name},{PART}", metrics={"validation_accuracy": accuracy, "validation_loss": 1.0}, task="binary")


DECAY = [make_choice(f"optimizer.weight_decay={strength}", 0.9 - strength) for strength in (0.04, 0.01, 0.1)]


def conclude(options: Options, traces: Sequence[Trace], findings: Sequence[Finding] = ()) -> Conclusion:
    return overfit.conclude(CONFIG, options, traces, findings, ())


class TestAnswer:
    def test_what_closes_the_gap_and_by_how_much(self) -> None:
        traces = [make_classes("base", 1.0, 0.7), *DECAY, make_classes("optimizer.weight_decay=0.01", 0.9, 0.86)]
        conclusion = conclude(ask("weight-decay"), traces, [make_finding("F001")])
        text = conclusion.answer.text
        assert text.startswith(
            "The network overfits: 100.0 % right on the training part, 70.0 % on the test part, a gap of 30.0 points ("
        )
        assert "Weight decay 0.01 closes it to 4.0 points: test accuracy 86.0 %, +16.0 (+" in text
        assert conclusion.answer.values["helps"] == "optimizer.weight_decay=0.01"

    def test_what_is_not_significant_is_said(self) -> None:
        traces = [make_classes("base", 1.0, 0.7), make_classes("model.norm=batch", 1.0, 0.71)]
        text = conclude(ask("batch-norm"), traces).answer.text
        assert "Nothing tried raises the test accuracy by more than chance could at n = 200 (most: batch norm, +1.0 (" in text
        assert "--folds 5 tests on every sample" in text

    def test_beside_one_that_helps_the_others_are_named(self) -> None:
        traces = [
            make_classes("base", 1.0, 0.7),
            *DECAY,
            make_classes("optimizer.weight_decay=0.01", 0.9, 0.86),
            make_classes("model.norm=batch", 1.0, 0.71),
        ]
        assert "Not significant at n = 200: batch norm;" in conclude(ask("weight-decay", "batch-norm"), traces).answer.text

    def test_what_harms_is_named(self) -> None:
        traces = [make_classes("base", 1.0, 0.7), make_classes("model.norm=batch", 1.0, 0.4)]
        assert conclude(ask("batch-norm"), traces).answer.text.endswith("It falls with batch norm.")

    def test_what_would_count_alone_but_not_among_several(self) -> None:
        # 7 samples more right and 1 less: beyond chance by itself, not as the best of four
        base, better = np.ones(200), np.ones(200)
        base[:7], better[7:8] = 0, 0
        traces = [make_classes("base", 1.0, 0.9, arrays={"test-correct": base})]
        traces += [make_classes("model.norm=batch", 1.0, 0.9, arrays={"test-correct": better})]
        same = ("data.fraction=0.25", "data.fraction=0.5", "ensemble of 5")
        traces += [make_classes(name, 1.0, 0.9, arrays={"test-correct": np.roll(base, 20 * at)}) for at, name in enumerate(same, 1)]
        conclusion = conclude(ask("batch-norm", "more-data", "ensemble"), traces)
        alone = next(each for each in conclusion.comparisons if each.run == "model.norm=batch")
        assert alone.interval[0] > 0 >= alone.corrected[0]
        assert "alone, not among 4, it would count: +" in conclusion.answer.text


class TestTables:
    def test_the_base_first_then_what_helps_most(self) -> None:
        traces = [
            make_classes("base", 1.0, 0.7),
            make_classes("model.norm=batch", 1.0, 0.6),
            *DECAY,
            make_classes("optimizer.weight_decay=0.01", 0.9, 0.86),
        ]
        conclusion = conclude(ask("weight-decay", "batch-norm"), traces, [make_finding("F001")])
        rows = read_rows(conclusion, "remedies")
        assert [row["remedy"] for row in rows] == ["base", "weight decay 0.01", "batch norm"]
        assert [row["verdict"] for row in rows] == ["overfits", "helps", "harms"]
        assert rows[1]["gap"] == pytest.approx(0.04)
        assert rows[1]["change of test"].startswith("+16.0 (+")
        assert conclusion.tables[0].compares

    def test_of_numbers_what_the_training_part_reached_gives_way_first(self) -> None:
        fit = {"train-fit": np.full(80, 0.9), "test-fit": np.full(20, 0.5)}
        metrics = {"train_r2": 0.9, "test_r2": 0.5}
        numbers = [make_run(name, metrics=metrics, arrays=fit, task="regression") for name in ("base", "model.norm=batch")]
        classes = [make_classes(name, 0.9, 0.5) for name in ("base", "model.norm=batch")]
        kept = []
        for traces in (numbers, classes):
            columns = conclude(ask("batch-norm"), traces).tables[0].columns
            kept.append([column.name for column in columns if not column.priority])
        assert kept == [
            ["remedy", "test", "gap", "change of test", "verdict"],
            ["remedy", "train", "test", "gap", "change of test", "verdict"],
        ]

    def test_how_the_strength_was_chosen_is_shown(self) -> None:
        traces = [make_classes("base", 1.0, 0.7), *DECAY, make_classes("optimizer.weight_decay=0.01", 0.9, 0.86)]
        conclusion = conclude(ask("weight-decay"), traces)
        (row,) = read_rows(conclusion, "strengths")
        assert row == {"chosen": "weight decay 0.01", "tried": "0.04: 86.0; 0.01: 89.0; 0.1: 80.0"}
        assert "a validation part made of 20 % of the data" in conclusion.tables[-1].title

    def test_runs_that_only_served_the_choice_are_no_rows(self) -> None:
        rows = read_rows(conclude(ask("weight-decay"), [make_classes("base", 1.0, 0.7), *DECAY]), "remedies")
        assert [row["remedy"] for row in rows] == ["base"]

    def test_sparsity_and_robustness(self) -> None:
        metrics = {"zero_weights": 0.9, "zero_inputs": 0.35, "shaken": 0.01, "flipped": 0.02}
        traces = [make_classes("base", 1.0, 0.7, metrics=metrics)]
        (row,) = read_rows(conclude(ask("batch-norm"), [*traces, make_classes("model.norm=batch", 1.0, 0.7)]), "weights")
        assert row == {"remedy": "base", "zero weights": 0.9, "inputs unread": 0.35, "output moves": 0.01, "classes flip": 0.02}

    def test_the_learning_curve_says_what_more_data_bring(self) -> None:
        traces = [
            make_classes("base", 1.0, 0.8),
            make_classes("data.fraction=0.25", 1.0, 0.5),
            make_classes("data.fraction=0.5", 1.0, 0.8),
        ]
        rows = read_rows(conclude(ask("more-data"), traces), "learning-curve")
        assert [(row["share"], row["test"], row["more data"]) for row in rows] == [
            ("25 %", 0.5, "helps"),
            ("50 %", 0.8, "no difference"),
            ("100 %", 0.8, None),
        ]
        assert rows[0]["the rest brings"].startswith("+30.0 (+")

    def test_passes_with_dropout_are_a_row_and_say_how_sure(self) -> None:
        sure = np.full(200, 0.99)
        arrays = {"mc-correct": np.arange(200) < 150, "rest-sure": sure, "mc-sure": sure - 0.01, "mc-spread": np.full(200, 0.1)}
        arrays["mc-sure"][7] = 0.62
        dropping = make_classes("model.dropout=0.5", 1.0, 0.7, arrays=arrays, metrics={"mc_passes": 50.0, "mc_test_accuracy": 0.75})
        choices = [make_choice(f"model.dropout={share}", 0.9 if share == 0.5 else 0.5) for share in (0.5, 0.2, 0.8)]
        conclusion = conclude(ask("mc-dropout"), [make_classes("base", 1.0, 0.7), *choices, dropping])
        rows = read_rows(conclusion, "remedies")
        assert [(row["remedy"], row["test"]) for row in rows] == [("base", 0.7), ("MC dropout 0.5", 0.75)]
        right, wrong, most = read_rows(conclusion, "uncertainty")
        assert (right["samples"], wrong["samples"]) == (150, 50)
        assert (most["sure in one pass"], most["sure over all"]) == (0.99, 0.62)

    def test_a_remedy_that_diverges(self) -> None:
        broken = replace(make_classes("model.norm=batch", 1.0, 0.4), nonfinite=object())
        rows = read_rows(conclude(ask("batch-norm"), [make_classes("base", 1.0, 0.7), broken]), "remedies")
        assert rows[1]["verdict"] == "harms; diverged"

    def test_findings_of_the_base_alone(self) -> None:
        traces = [make_classes("base", 1.0, 0.7), make_classes("model.norm=batch", 1.0, 0.7)]
        found = conclude(ask("batch-norm"), traces, [make_finding("F001"), make_finding("F001", "model.norm=batch")]).findings
        assert [each.run for each in found] == ["base"]
