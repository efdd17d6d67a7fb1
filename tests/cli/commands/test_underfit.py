"""Every cause by itself is named first; where nothing hinders, nothing is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import carry_out, find_table, report
from tests.zoo import files

ZOO = Path(__file__).parents[2] / "zoo"
IRIS = (str(ZOO / "reporting" / "mlp-iris-momentum.yaml"), "--epochs", "12")
DIGITS = (str(ZOO / "tuning" / "mlp-digits-momentum.yaml"),)
WINE = ("--epochs", "30", "--set", "data.standardize=true")
RANDOM = "data={name: random, samples: 300, features: 6, classes: 3, test_fraction: 0.3}"


@pytest.mark.parametrize(
    ("line", "cause", "words"),
    [
        pytest.param((*WINE, "--set", "data.label_noise=0.4"), "D003", "many training targets contradict", id="label noise"),
        pytest.param((*IRIS, "--set", RANDOM), "D008", "the inputs carry nothing about the target", id="white noise"),
        pytest.param(("--epochs", "30"), "D001", "the features are on scales so different", id="unscaled features"),
        pytest.param(
            (*IRIS, "--set", "data={name: npz, path: SORTED, test_fraction: 0.0},train.shuffle=false"),
            "D002",
            "the batches come unshuffled",
            id="unshuffled batches",
        ),
        pytest.param(
            (*DIGITS, "--width", "2", "--epochs", "15", "--set", "data.samples=400"),
            "capacity",
            "the network is too small",
            id="too little capacity",
        ),
        pytest.param((*IRIS, "--init", "zeros"), "G007", "copies of each other", id="bad initialisation"),
        pytest.param(
            (IRIS[0], "--epochs", "15", "--act", "sigmoid", "--layers", "10"),
            "G001",
            "the gradient shrinks",
            id="vanishing gradient",
        ),
        pytest.param(
            (*IRIS, "--layers", "8", "--set", "model.init={name: normal, std: 2.0}"),
            "G007",
            "the initial weights make the first loss, and the first steps, giant",
            id="exploding gradient",
        ),
        pytest.param((*IRIS, "--weight-decay", "1"), "F003", "a penalty on the weights", id="too much regularisation"),
        pytest.param(
            (*IRIS, "--set", "loss=mse,model.output=softmax"), "M001", "the loss does not go with the task", id="wrong loss"
        ),
        pytest.param((*IRIS, "--set", "optimizer.dampening=1.0"), "optimizer", "the optimizer: no rate", id="wrong optimizer"),
        pytest.param((*IRIS, "--lr", "10"), "L001", "the steps are too long", id="rate too high"),
        pytest.param((*IRIS, "--lr", "3e-5"), "L002", "the steps are too short", id="rate too low"),
    ],
)
def test_a_cause_alone_is_named_first(line: tuple[str, ...], cause: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    if any("SORTED" in each for each in line):
        files.write_all()
        line = tuple(each.replace("SORTED", str(files.FOLDER / "iris-sorted.npz")) for each in line)
    answer = report(capsys, "underfit", *line)["answer"]
    assert answer["values"]["cause"] == cause, answer["text"]
    assert words in answer["text"]
    assert answer["values"]["trainings"] <= 21


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(WINE, id="wine"),
        pytest.param((str(ZOO / "tuning" / "mlp-moons-sigmoid-output.yaml"), "--epochs", "20"), id="moons"),
        pytest.param((str(ZOO / "tuning" / "mlp-linear-huber.yaml"), "--epochs", "30"), id="line"),
        pytest.param((str(ZOO / "tuning" / "cnn-digits-adam.yaml"), "--epochs", "8", "--set", "data.samples=600"), id="cnn"),
        pytest.param((*IRIS[:1], "--epochs", "20"), id="iris"),
    ],
)
def test_nothing_hinders_a_healthy_training(line: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "underfit", *line)
    values = document["answer"]["values"]
    assert (values["verdict"], values["cause"]) == ("healthy", None), document["answer"]["text"]
    assert document["answer"]["text"].startswith("Nothing hinders it: ")
    assert not [each for each in document["findings"] if each["severity"] != "info"]


def test_the_source_chain_has_settled_and_underfits(capsys: pytest.CaptureFixture[str]) -> None:
    """It converges, to a loss far above that of a line, and worse than a constant: no rate helps it."""
    document = report(capsys, "underfit", "lr-sweep", "--set", "vs=[]")
    answer = document["answer"]
    assert "the network has no biases. With model.bias=true: R2 0.9" in answer["text"]
    assert "It settled at epoch 22 of 500." in answer["text"]
    assert (answer["values"]["cause"], answer["values"]["settled_at"], answer["values"]["learned"]) == ("model", 22, 0)
    rows = {row["test"]: row for row in find_table(document, "tests")}
    assert rows["loss below that of a constant"]["verdict"] == "failed"
    assert rows["other rates do no better"]["verdict"] == "passed"


def test_the_squared_error_gets_stuck_where_cross_entropy_learns(capsys: pytest.CaptureFixture[str]) -> None:
    """Confidently wrong from the start: next to no gradient under the squared error."""
    blobs = "data={name: blobs, samples: 300, spread: 0.5, seed: 1},loss=mse,model.output=softmax,model.layers=1"
    start = "model.init={name: normal, std: 10.0},data.standardize=true"
    document = report(capsys, "underfit", *IRIS, "--lr", "0.5", "--set", blobs, "--set", start, "--budget", "8x")
    squared, cross = find_table(document, "losses")
    assert (squared["loss"], cross["loss"]) == ("mse", "cross_entropy")
    assert squared["gradient there"] < 0.1 * cross["gradient there"]
    assert squared["train right"] < 0.5 < cross["train right"] == 1


def test_the_budget_counts_trainings_of_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "underfit", "--epochs", "20", "--budget", "6x")
    assert document["answer"]["values"]["trainings"] <= 6
    assert document["answer"]["values"]["cause"] == "D001"
    assert any("beyond the budget of 6 trainings" in each["reason"] for each in document["skipped"])
    rows = {row["test"]: row for row in find_table(document, "tests")}
    assert (rows["more capacity does no better"]["measured"], rows["more capacity does no better"]["verdict"]) == (
        "was not run",
        "not judged",
    )


def test_a_run_beside_the_base_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "underfit", *WINE, "--vs", "model.width=4", "--seeds", "2")
    rows = find_table(document, "tried")
    assert [row["change"] for row in rows[:2]] == ["base", "model.width=4"]
    assert [run["seed"] for run in document["runs"] if run["name"] == "base"] == [0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("gradients",), "data.name: these data have no target"),
        (("--set", "loss=sum"), "loss: does not depend on the target"),
    ],
)
def test_without_a_target_there_is_nothing_to_learn(
    options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = carry_out(capsys, "underfit", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_the_first_screen_answers(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "underfit", "--epochs", "20")
    assert outcome.code == 0
    assert outcome.answer.startswith("It does not learn (")
    assert "With data.standardize=true: " in outcome.answer
    assert "trainings of the config)" in outcome.out


def test_what_is_only_compared_is_judged_by_no_rule(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "underfit", "--epochs", "20", "--budget", "4x")
    base, *others = document["runs"]
    assert others
    assert {each["run"] for each in [*document["findings"], *document["skipped"]] if each.get("code") != "run"} == {"base"}
    assert "update_ratio" in base["layers"][0]
    assert all("update_ratio" not in run["layers"][0] for run in others)
