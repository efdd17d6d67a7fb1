"""Ten layers that explode unless they are clipped, and networks that need no clipping."""

from __future__ import annotations

import pytest

from tests.cli.running import carry_out, find_table, report

SMALL = ["--set", "data.samples=400", "--lr", "0.01", "--seeds", "1", "--quiet"]
CNN = ["--model", "cnn", "--width", "8", "--epochs", "4", *SMALL]
LSTM = ["--model", "lstm", "--width", "16", "--epochs", "6", *SMALL]


def test_the_exploding_network(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip")
    rows = {row["run"]: row for row in find_table(document, "arms")}
    value = "clip.mode=value,clip.threshold=100.0"
    assert list(rows) == ["base", "clip.mode=none", value]
    assert rows["clip.mode=none"]["verdict"] == "diverged"
    assert rows["base"]["verdict"] == rows[value]["verdict"] == "survives"
    assert rows["base"]["largest angle"] == 0
    assert 40 < rows[value]["largest angle"] < 90
    assert 0 < rows["base"]["clipped"] < 0.2
    answer = document["answer"]
    assert answer["values"]["needed"] is True
    assert answer["values"]["recommended"] == "base"
    assert answer["text"].startswith("Clipping is needed: unclipped, the run diverges at update 3 (inf in model.")
    assert "Clip by norm at 100, as the config does: the loss ends at" in answer["text"]
    assert "By value at 100 it turns the gradient by up to" in answer["text"]
    assert document["findings"] == []  # the config as it is trains well


def test_a_lower_loss_does_not_excuse_a_turned_gradient(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip", "--set", "clip.threshold=1")
    rows = {row["run"]: row for row in find_table(document, "arms")}
    assert rows["clip.mode=value,clip.threshold=1.0"]["final loss"] < rows["base"]["final loss"]
    answer = document["answer"]
    assert answer["values"]["recommended"] == "base"
    assert "By value at 1 it turns the gradient by up to" in answer["text"]
    assert "degrees, though the loss ends at" in answer["text"]


def test_a_lower_rate_instead_is_tried_before_it_is_advised(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip", "--set", "clip.threshold=1")
    slower = next(run for run in document["runs"] if "optimizer.lr" in run["patch"])
    assert slower["patch"] == {"clip.mode": "none", "optimizer.lr": 0.0003}
    assert slower["metrics"]["diverged_at"] is None
    assert "Unclipped at a learning rate of 0.0003 it survives and ends at" in document["answer"]["text"]
    assert [each["code"] for each in document["findings"]] == ["C001"]


def test_without_clipping_in_the_config_the_base_is_unclipped(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip", "--set", "clip=none", "--quiet")
    rows = {row["run"]: row for row in find_table(document, "arms")}
    assert (rows["base"]["clipping"], rows["base"]["verdict"]) == ("unclipped", "diverged")
    assert {each["code"] for each in document["findings"]} >= {"G006"}


def test_every_threshold_is_tried_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip", "--threshold", "10,100", "--threshold", "1000", "--epochs", "50")
    ways = [row["clipping"] for row in find_table(document, "arms")]
    assert ways == [
        "by norm at 100",
        "unclipped",
        "by value at 10",
        "by norm at 10",
        "by value at 100",
        "by value at 1000",
        "by norm at 1000",
    ]


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (
            ["overfit", "--epochs", "30"],
            "Clipping is not needed: unclipped, the run survives its 30 updates and ends at a loss of 0.2052.",
        ),
        (["--set", "model.init.gain=1", "--epochs", "100"], "Clipping is not needed: unclipped, the run survives its 100 updates"),
        (["gradients"], "Clipping is not needed: unclipped, the run survives its only update."),
        (["check", "--epochs", "4"], "Clipping is not needed: unclipped, the run survives its 180 updates"),
        (["check", *CNN], "Clipping is not needed: unclipped, the run survives its 40 updates"),
        (["check", *LSTM], "Clipping is not needed: unclipped, the run survives its 60 updates"),
    ],
)
def test_healthy_networks_need_none(capsys: pytest.CaptureFixture[str], options: list[str], answer: str) -> None:
    assert carry_out(capsys, "clip", *options).answer.startswith(answer)


def test_says_which_thresholds_never_act(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        "Clipping by value at 1 or by norm at 1 never acts."
        in carry_out(capsys, "clip", "overfit", "--threshold", "1", "--epochs", "30").answer
    )


def test_says_when_clipping_holds_a_healthy_network_back(capsys: pytest.CaptureFixture[str]) -> None:
    answer = carry_out(capsys, "clip", "--set", "model.init.gain=1", "--threshold", "0.01", "--epochs", "100").answer
    assert "Clipped by norm at 0.01 it ends at" in answer


def test_a_forward_pass_that_overflows_cannot_be_clipped(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "clip", "--set", "model.init.gain=1e5", "--quiet")
    assert outcome.answer.startswith("Clipping cannot help: unclipped, the run diverges at update 1 (inf in model.")
    assert "the forward pass overflows before there is a gradient to clip" in outcome.answer


def test_several_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "clip", "--seeds", "3", "--epochs", "100")
    assert outcome.answer.startswith("Clipping is needed: unclipped, the run diverges at update 3")
    assert "clipping (3 seeds)" in outcome.out


def test_a_long_sequence_explodes_at_once_and_is_saved_by_the_loosest_decade(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip", "clip-rnn", "--epochs", "2", "--quiet")
    rows = {row["clipping"]: row for row in find_table(document, "arms")}
    unclipped = [run for run in document["runs"] if run["name"] == "base"]
    assert [run["metrics"]["diverged_at"] for run in unclipped] == [2, 2, 2]
    recommended = next(row for row in rows.values() if row["run"] == document["answer"]["values"]["recommended"])
    assert recommended["clipping"].startswith("by norm at")
    assert recommended["verdict"] == "survives"
    courses = [run["series"]["loss"]["values"] for run in document["runs"] if run["name"] == recommended["run"]]
    assert len(courses) == 3
    assert all(None not in course and course[-1] < course[0] for course in courses)  # it trains in every seed
    assert rows["by norm at 1"]["verdict"].startswith("survives")
    assert rows["by norm at 1000"]["verdict"].startswith("diverged")
    assert [each["code"] for each in document["findings"] if each["run"] == "base"] == ["G006", "L003", "C002"]


def test_of_a_hundred_steps_clipped_at_a_norm_of_1_every_seed_learns(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--set", "data.length=100", "--epochs", "40", "--seeds", "3", "--threshold", "1")
    document = report(capsys, "clip", "clip-rnn", *options, "--quiet")
    assert [run["metrics"]["diverged_at"] for run in document["runs"] if run["name"] == "base"] == [2, 2, 2]
    assert document["answer"]["values"]["recommended"] == "clip.mode=norm,clip.threshold=1.0"
    clipped = [run["metrics"] for run in document["runs"] if run["name"] == "clip.mode=norm,clip.threshold=1.0"]
    assert all(metrics["train_loss"] < 0.9 * metrics["constant_loss"] for metrics in clipped)


def test_a_thousand_steps_explode_too(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--set", "data.length=1000", "--set", "data.samples=64", "--epochs", "2", "--seeds", "2")
    document = report(capsys, "clip", "clip-rnn", "--threshold", "1", *options, "--quiet")
    rows = {row["run"]: row for row in find_table(document, "arms")}
    assert rows["base"]["verdict"] == "diverged"
    assert rows["clip.mode=norm,clip.threshold=1.0"]["verdict"] == "survives"


def test_a_bounded_network_collapses_and_clipping_does_not_help(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip", "clip-tanh", "--threshold", "1", "--epochs", "3", "--seeds", "3", "--quiet")
    answer = document["answer"]
    assert answer["text"].startswith(
        "Clipping does not help: unclipped, the run survives a giant step collapsed (L008) and ends at"
    )
    assert answer["values"]["needed"] is False
    assert "A learning rate of 0.0001 without clipping does not help, though." in answer["text"]
    (collapse,) = [each for each in document["findings"] if each["code"] == "L008"]
    assert (collapse["run"], collapse["seeds"]) == ("base", {"held": 3, "of": 3})
    assert collapse["evidence"]["update"] == 2
    assert "C002" not in {each["code"] for each in document["findings"]}
    for run in document["runs"]:
        assert run["metrics"]["diverged_at"] is None
        assert run["metrics"]["train_loss"] > 0.9 * run["metrics"]["constant_loss"]  # none has learned anything
    assert len(document["runs"]) == 12  # unclipped, both ways, and a tenth of the rate


def test_far_off_targets_throw_the_weights_out(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip", "clip-outliers", "--epochs", "20", "--quiet")
    base = [run for run in document["runs"] if run["name"] == "base"]
    assert all(run["metrics"]["diverged_at"] is not None for run in base)
    assert {"D005", "G009", "C002"} <= {each["code"] for each in document["findings"]}
    assert document["answer"]["values"]["recommended"].startswith("clip.mode=norm")
    assert "What is left of the loss is that of the outliers." in document["answer"]["text"]
    healthy = report(capsys, "clip", "clip-outliers", "--set", "data.outliers=0", "--epochs", "20", "--quiet")
    assert healthy["answer"]["values"]["needed"] is False


def test_a_hundred_layers_of_one_and_a_half(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients", "clip-deep")
    first = document["runs"][0]["layers"][0]
    assert first["grad_norm"] == pytest.approx(1.5**99, rel=1e-4)
    assert report(capsys, "clip", "clip-deep", "--quiet")["answer"]["values"]["needed"] is True


def test_too_large_an_initialisation(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip", "clip-init", "--quiet")
    rows = {row["clipping"]: row for row in find_table(document, "arms")}
    assert rows["unclipped"]["verdict"] == "diverged"
    assert document["answer"]["values"]["needed"] is True


def test_a_healthy_network_needs_none_and_is_shown_its_norms(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "clip", "overfit", "--epochs", "40", "--set", "vs=[]")
    assert document["answer"]["values"]["needed"] is False
    norms = {row["updates"]: row["norm up to"] for row in find_table(document, "norms")}
    assert norms["50 %"] < norms["90 %"] < norms["99 %"] <= norms["all"]
    thresholds = [run["config"]["clip"]["threshold"] for run in document["runs"] if run["config"]["clip"]["mode"] == "norm"]
    assert sorted(set(thresholds)) == [pytest.approx(norms[name], rel=0.06) for name in ("50 %", "90 %", "99 %")]


def test_a_forward_pass_that_overflows_cannot_be_cured(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "clip", "clip-init", "--set", "model.init.std=1e9", "--quiet")
    assert outcome.answer.startswith("Clipping cannot help: unclipped, the run diverges at update 1")
