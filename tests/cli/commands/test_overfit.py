"""2,201 weights on 800 samples, and the same question of other data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.running import carry_out, find_table, report
from trainlab.cli.app import run

NUMBERS = ("--set", "data={name: diabetes, standardize: true}", "--set", "loss=mse", "--set", "model.output=none")


def test_the_experiment_of_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "overfit", "--quick", "--seeds", "3")
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
    table = carry_out(capsys, "overfit", "--quick", "--set", "data.samples=200", "--epochs", "60", "--seeds", "3").out
    assert "train against test (means over 3 seeds)" in table


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (
            ["--set", "data={name: digits}", "--set", "loss=cross_entropy", "--set", "model.output=none", "--epochs", "40"],
            "The network does not overfit: ",
        ),
        (
            [*NUMBERS, "--epochs", "100"],
            "Whether the network overfits is not certain: R2 is 0.349 on the training part and 0.217 on the test part",
        ),
        (["--set", "data.samples=60", "--epochs", "60"], "Whether the network overfits is not certain: 100.0 % right"),
        (["--set", "optimizer.name=sgd", "--lr", "1e-9", "--epochs", "30"], "The network underfits: "),
        (["--set", "optimizer.name=sgd", "--lr", "1e30", "--epochs", "20"], "The network "),
    ],
)
def test_the_answer_on_other_data(capsys: pytest.CaptureFixture[str], options: list[str], answer: str) -> None:
    assert carry_out(capsys, "overfit", "--quick", *options).answer.startswith(answer)


def test_numbers_to_predict_are_compared_by_r2(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "overfit", "--quick", *NUMBERS, "--epochs", "50")
    row = find_table(document, "arms")[0]
    assert row["gap"] == pytest.approx(row["train R2"] - row["test R2"])
    assert [each["metric"] for each in document["comparisons"]] == ["test_r2"]


def test_numbers_to_predict_have_remedies_and_folds_too(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("--remedy", "weight-decay,ensemble,mc-dropout")
    document = report(capsys, "overfit", *names, "--folds", "2", "--seeds", "1", *NUMBERS, "--lr", "0.1", "--epochs", "20")
    assert "442 test samples)" in document["answer"]["text"]
    rows = {row["remedy"]: row for row in find_table(document, "remedies")}
    assert {name.rstrip("0123456789. ") for name in rows} == {"base", "weight decay", "ensemble of", "MC dropout"}
    base = [run["metrics"]["test_r2"] for run in document["runs"] if run["name"] == "base"]
    assert len(base) == 2
    assert rows["base"]["test"] == pytest.approx(sum(base) / 2)
    assert {each["metric"] for each in document["comparisons"]} == {"test_r2"}
    surest, others = find_table(document, "uncertainty")
    assert surest["spread"] < others["spread"]
    assert surest["samples"] + others["samples"] == 442


def test_a_change_that_lowers_the_accuracy_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    answer = carry_out(capsys, "overfit", "--set", "optimizer.weight_decay=0.04", "--vs", "optimizer.weight_decay=1").answer
    assert answer.endswith("optimizer.weight_decay=1 lowers the test accuracy.")


def test_without_a_test_part_nothing_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "overfit", "--quick", "gradients")
    assert (outcome.code, outcome.out) == (2, "")
    (message,) = outcome.errors
    assert "gradients.yaml:" in message
    assert message.endswith("data: these data have no test part to compare with (got ones)")
    outcome = carry_out(capsys, "overfit", "--quick", "--set", "data.test_fraction=0")
    assert "--set data.test_fraction=0: data.test_fraction: there is no test part" in outcome.err


@pytest.fixture(scope="module")
def remedies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A few remedies on the network of the source, trained shorter."""
    names = "weight-decay,l1,smaller-network,dropout,mc-dropout,ensemble,more-data"
    path = tmp_path_factory.mktemp("overfit") / "report.json"
    assert run(["overfit", "--remedy", names, "--seeds", "2", "--epochs", "100", "--quiet", "--format", f"json:{path}"]) == 0
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def find_run(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(run for run in document["runs"] if run["name"] == name)


class TestRemedies:
    def test_the_base_is_that_of_the_config_and_so_are_the_remedies(self, remedies: dict[str, Any]) -> None:
        assert [run["name"] for run in remedies["runs"][:2]] == ["base", "base"]
        rows = {row["remedy"]: row for row in find_table(remedies, "remedies")}
        chosen = {row["chosen"] for row in find_table(remedies, "strengths")}
        assert chosen <= rows.keys()
        for row in list(rows.values())[1:]:
            if "passes" not in row["run"]:
                own = [run["metrics"]["test_accuracy"] for run in remedies["runs"] if run["name"] == row["run"]]
                assert len(own) == 2
                assert row["test"] == pytest.approx(sum(own) / 2)

    def test_the_choice_never_saw_the_test_part(self, remedies: dict[str, Any]) -> None:
        tried = [run for run in remedies["runs"] if run["name"].endswith(",data.validation_fraction=0.2")]
        assert len(tried) == 2 * (3 + 3 + 3 + 3)
        for row in find_table(remedies, "strengths"):
            reached = {strength: float(share) for strength, share in (part.split(": ") for part in row["tried"].split("; "))}
            assert reached[row["chosen"].rpartition(" ")[2]] == max(reached.values())

    def test_l1_leaves_weights_and_inputs_out_and_small_weights_move_less(self, remedies: dict[str, Any]) -> None:
        names = {strength: f"regularize.l1={strength},data.validation_fraction=0.2" for strength in (0.001, 0.01)}
        metrics = {strength: find_run(remedies, name)["metrics"] for strength, name in names.items()}
        assert 0.4 < metrics[0.001]["zero_weights"] < metrics[0.01]["zero_weights"]
        assert metrics[0.01]["zero_inputs"] > 0.2
        assert find_run(remedies, "base")["metrics"]["zero_weights"] == 0
        decayed = find_run(remedies, "optimizer.weight_decay=0.1,data.validation_fraction=0.2")["metrics"]
        assert decayed["shaken"] < 0.5 * find_run(remedies, "base")["metrics"]["shaken"]

    def test_two_units_cannot_learn_it_by_heart(self, remedies: dict[str, Any]) -> None:
        assert find_run(remedies, "model.width=2,data.validation_fraction=0.2")["metrics"]["train_accuracy"] < 0.95

    def test_the_ensemble_is_one_more_entry_a_seed(self, remedies: dict[str, Any]) -> None:
        together = [run for run in remedies["runs"] if run["name"] == "ensemble of 5"]
        members = [run for run in remedies["runs"] if run["name"].startswith("data.bootstrap=")]
        assert (len(together), len(members)) == (2, 10)
        worst = min(run["metrics"]["test_accuracy"] for run in members)
        assert all(run["metrics"]["test_accuracy"] >= worst for run in together)
        assert all(run["how"] == "the mean prediction of 5 runs" for run in together)

    def test_wrong_answers_are_less_sure_than_right_ones(self, remedies: dict[str, Any]) -> None:
        right, wrong, most = find_table(remedies, "uncertainty")
        assert wrong["spread"] > right["spread"]
        assert wrong["sure over all"] < right["sure over all"]
        assert most["sure in one pass"] - most["sure over all"] > 0.1

    def test_the_learning_curve(self, remedies: dict[str, Any]) -> None:
        rows = find_table(remedies, "learning-curve")
        assert [(row["share"], row["samples"]) for row in rows] == [("25 %", 200), ("50 %", 400), ("100 %", 800)]
        assert [row["train"] for row in rows] == pytest.approx([1.0] * 3, abs=0.01)


def test_folds_test_every_sample(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "overfit", "--quick", "--folds", "3", "--epochs", "30", "--set", "data.samples=300")
    assert len(document["runs"]) == 6
    assert "300 test samples)" in document["answer"]["text"]
    assert [run["config"]["data"]["fold"] for run in document["runs"]] == [0, 1, 2, 0, 1, 2]


def test_mistakes_are_told_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "overfit", "--remedy", "weight_decy,shuffle", "--folds", "1")
    assert outcome.code == 2
    assert "--folds" in outcome.err
    outcome = carry_out(capsys, "overfit", "--remedy", "weight_decy,shuffle")
    assert outcome.code == 2
    assert "did you mean 'weight-decay'" in outcome.err
    assert "has no use here" in outcome.err
