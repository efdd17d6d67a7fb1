"""2,201 weights on 800 samples, and the same question of other data."""

from __future__ import annotations

import pytest

from tests.cli.running import carry_out, find_table, report


def test_the_experiment_of_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "overfit", "--seeds", "3")
    base = [run for run in document["runs"] if run["name"] == "base"]
    decayed = [run for run in document["runs"] if run["name"] == "optimizer.weight_decay=0.04"]
    assert [run["metrics"]["train_accuracy"] for run in base] == [1.0] * 3
    assert all(0.805 <= run["metrics"]["test_accuracy"] <= 0.825 for run in base)
    assert all(0.0005 < run["metrics"]["train_loss"] < 0.0008 for run in base)
    assert [run["metrics"]["test_accuracy"] for run in decayed] == pytest.approx([0.875] * 3)
    assert all(0.87 <= run["metrics"]["train_accuracy"] <= 0.89 for run in decayed)
    assert all(run["metrics"]["train_loss"] == pytest.approx(0.311, abs=0.002) for run in decayed)
    (comparison,) = document["comparisons"]
    assert comparison["verdict"] == "helps"
    assert comparison["interval"] == comparison["corrected"]  # one arm: nothing to correct
    assert document["answer"]["values"]["verdict"] == "overfits"
    assert document["answer"]["values"]["helps"] == "optimizer.weight_decay=0.04"
    assert document["answer"]["text"].startswith("The network overfits: 100.0 % right on the training part, 82.")
    all_seeds = {"held": 3, "of": 3}
    assert [(each["code"], each["seeds"]) for each in document["findings"]] == [("F001", all_seeds), ("F004", all_seeds)]


def test_stops_early_and_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    held = "data.validation_fraction=0.2"
    document = report(capsys, "overfit", "--set", held, "--set", "train.early_stopping=20", "--vs", "train.early_stopping=null")
    base, beside = document["runs"]
    (row, other) = find_table(document, "arms")
    assert row["stopped at epoch"] == base["metrics"]["stopped_at"] == base["metrics"]["best_epoch"] + 20
    assert row["best epoch"] == base["metrics"]["best_epoch"]
    assert (other["stopped at epoch"], beside["metrics"]["stopped_at"], beside["metrics"]["best_epoch"]) == (None, None, None)
    assert base["series"]["validation-loss"]["per"] == "epoch"
    assert [each["run"] for each in document["findings"] if each["code"] == "F004"] == ["train.early_stopping=null"]


def test_five_seeds_and_three_changes(capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("model.width=4", "optimizer.weight_decay=0.04", "optimizer.weight_decay=1")
    document = report(capsys, "overfit", "--seeds", "5", "--epochs", "100", *(part for each in changes for part in ("--vs", each)))
    assert len(document["runs"]) == 20
    assert [each["run"] for each in document["comparisons"]] == list(changes)
    for each in document["comparisons"]:
        assert each["corrected"][0] <= each["interval"][0] <= each["difference"] <= each["interval"][1] <= each["corrected"][1]
    verdicts = {row["run"]: row["verdict"] for row in find_table(document, "arms")}
    assert verdicts["base"] == "overfits"
    assert verdicts["optimizer.weight_decay=1"].startswith("harms; underfits")


def test_two_seeds_of_a_verdict_that_only_some_share(capsys: pytest.CaptureFixture[str]) -> None:
    table = carry_out(capsys, "overfit", "--set", "data.samples=200", "--epochs", "60", "--seeds", "3").out
    assert "train against test (means over 3 seeds)" in table


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (
            ["--set", "data={name: digits}", "--set", "loss=cross_entropy", "--set", "model.output=none", "--epochs", "40"],
            "The network does not overfit: ",
        ),
        (
            [
                "--set",
                "data={name: diabetes, standardize: true}",
                "--set",
                "loss=mse",
                "--set",
                "model.output=none",
                "--epochs",
                "100",
            ],
            "Whether the network overfits is not certain: R2 is 0.349 on the training part and 0.217 on the test part",
        ),
        (["--set", "data.samples=60", "--epochs", "60"], "Whether the network overfits is not certain: 100.0 % right"),
        (["--set", "optimizer.name=sgd", "--lr", "1e-9", "--epochs", "30"], "The network underfits: "),
        (["--set", "optimizer.name=sgd", "--lr", "1e30", "--epochs", "20"], "The network "),
    ],
)
def test_the_answer_on_other_data(capsys: pytest.CaptureFixture[str], options: list[str], answer: str) -> None:
    assert carry_out(capsys, "overfit", *options).answer.startswith(answer)


def test_numbers_to_predict_are_compared_by_r2(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(
        capsys, "overfit", "--set", "data={name: diabetes, standardize: true}", "--set", "loss=mse", "--set", "model.output=none",
        "--epochs", "50",
    )  # fmt: skip
    row = find_table(document, "arms")[0]
    assert row["gap"] == pytest.approx(row["train R2"] - row["test R2"])
    assert document["comparisons"] == []


def test_a_change_that_lowers_the_accuracy_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    answer = carry_out(capsys, "overfit", "--set", "optimizer.weight_decay=0.04", "--vs", "optimizer.weight_decay=1").answer
    assert answer.endswith("optimizer.weight_decay=1 lowers the test accuracy.")


def test_without_a_test_part_nothing_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "overfit", "gradients")
    assert (outcome.code, outcome.out) == (2, "")
    (message,) = outcome.errors
    assert "gradients.yaml:" in message
    assert message.endswith("data: these data have no test part to compare with (got ones)")
    outcome = carry_out(capsys, "overfit", "--set", "data.test_fraction=0")
    assert "--set data.test_fraction=0: data.test_fraction: there is no test part" in outcome.err
