"""Where did it stop: the texts' saddle, and every kind of network."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
import torch

from tests.cli.running import carry_out, find_table, report
from tests.own.configs import NETS, SETS
from trainlab import engine
from trainlab.cli import progress

FAST = "weights=[1.0,-0.999999],optimizer.momentum=0.9"
TINY = ("--set", "data.samples=40", "--epochs", "1", "--batch-size", "20", "--quiet")


def test_the_texts_saddle(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "landscape", "--set", "weights=[0,0]", "--set", "train.updates=0", "--set", "vs=[]")
    values = document["answer"]["values"]
    assert (values["kind"], values["gradient"], values["gain"]) == ("saddle", 0.0, 0.0)
    assert (values["lowest"], values["highest"], values["minimum_ratio"]) == (-2.0, 2.0, 0.5)
    assert [row["curvature"] for row in find_table(document, "spectrum")] == ["2", "-2"]
    escape = {row["step"]: row for row in find_table(document, "escape")}
    assert (escape[0.1]["predicted"], escape[0.1]["loss"]) == pytest.approx((0.99, 0.990025))
    assert (escape[0.5]["loss"], escape[1.0]["loss"]) == pytest.approx((0.765625, 0.25))
    (finding,) = document["findings"]
    assert (finding["code"], finding["severity"]) == ("L005", "error")
    assert finding["evidence"]["direction"] == pytest.approx([0.5**0.5, 0.5**0.5])


@pytest.mark.parametrize(("weights", "highest"), [("[1,1]", 4.0), ("[2,0.5]", 8.5), ("[4,0.25]", 32.125), ("[-1,-1]", 4.0)])
def test_its_minima_are_degenerate(capsys: pytest.CaptureFixture[str], weights: str, highest: float) -> None:
    document = report(capsys, "landscape", "--set", f"weights={weights}", "--set", "train.updates=0", "--set", "vs=[]")
    values = document["answer"]["values"]
    assert values["kind"] == "degenerate minimum"
    assert (values["highest"], values["minimum_ratio"]) == (pytest.approx(highest), 0.5)
    assert document["findings"] == []


@pytest.mark.parametrize(("weights", "kind"), [("[0,0]", "saddle"), ("[0.70710678,0.70710678]", "minimum")])
def test_with_a_penalty_its_minima_are_two_points(capsys: pytest.CaptureFixture[str], weights: str, kind: str) -> None:
    """(1 - w1 w2)^2 + 0.5 (w1^2 + w2^2)."""
    options = ("--set", f"weights={weights}", "--weight-decay", "1", "--set", "train.updates=0", "--set", "vs=[]")
    document = report(capsys, "landscape", *options)
    assert document["answer"]["values"]["kind"] == kind


def test_momentum_leaves_the_saddle_in_half_the_updates_and_on_the_line_nothing_does(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "landscape", "--full-series")
    kinds = {row["run"]: row["verdict"] for row in find_table(document, "places")}
    assert kinds == {
        "base": "saddle",
        "optimizer.momentum=0.9": "saddle",
        "weights=[1.0,-0.999999]": "degenerate minimum",
        FAST: "degenerate minimum",
    }
    left = {}
    for run in document["runs"]:
        losses = run["series"]["loss"]["values"]  # one update an epoch; before each of them
        left[run["name"]] = next((at for at, loss in enumerate(losses, 1) if loss < 0.5), None)
    assert left["base"] is left["optimizer.momentum=0.9"] is None
    assert left["weights=[1.0,-0.999999]"] == pytest.approx(146, abs=3)
    assert left[FAST] == pytest.approx(50, abs=3)
    assert left[FAST] < left["weights=[1.0,-0.999999]"] / 2
    still = {row["run"]: row["stood still"] for row in find_table(document, "places")}
    assert still["base"] is None
    begun, ended = zip(*(map(int, still[name].split(" to ")) for name in ("weights=[1.0,-0.999999]", FAST)), strict=True)
    assert begun[0] < 20
    assert ended == pytest.approx((128, 44), abs=3)


def test_a_swing_is_no_critical_point(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "landscape", "lr-sweep", "--lr", "0.1")
    values = document["answer"]["values"]
    assert (values["kind"], values["gradient"]) == ("not critical", pytest.approx(5.683, rel=1e-3))
    assert "The rate is at fault: at 0.1 the loss swings between 1.558 and 2.171; lower it." in document["answer"]["text"]
    rows = {row["run"]: row for row in find_table(document, "places")}
    settled = rows["optimizer.lr=0.01"]
    assert (settled["verdict"], settled["highest"], settled["above 0"]) == (
        "degenerate minimum",
        pytest.approx(22.610, abs=1e-3),
        pytest.approx(1 / 3),
    )
    sharp = {row["run"]: row for row in find_table(document, "sharpness")}
    assert sharp["optimizer.lr=0.01"]["stable up to"] == pytest.approx(0.08846, rel=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        ("--model", "mlp", "--width", "4", "--norm", "batch"),
        ("--model", "cnn", "--width", "2", "--layers", "2"),
        ("--model", "resnet", "--set", "model.width=[2,2]", "--layers", "6"),
        ("--model", "rnn", "--width", "2"),
        ("--model", "lstm", "--width", "2"),
        ("--model", "gru", "--width", "2"),
        ("--model", "transformer", "--width", "4", "--set", "model.heads=2", "--layers", "1"),
    ],
    ids=lambda options: options[1],
)
def test_every_kind_of_network(capsys: pytest.CaptureFixture[str], model: tuple[str, ...]) -> None:
    document = report(capsys, "landscape", "check", *model, *TINY)
    (row,) = find_table(document, "places")
    assert row["verdict"] == "not critical"
    assert row["lowest"] < row["highest"]
    assert {table["name"] for table in document["tables"]} == {"places", "sharpness", "spectrum", "surface"}


def test_a_network_of_the_users_own_with_several_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    own = (
        "--model",
        f"{NETS}:Perceptron",
        "--data",
        f"{SETS}:arrays",
        "--epochs",
        "1",
        "--quiet",
        "--set",
        "model.args={width: 4}",
    )
    document = report(capsys, "landscape", "check", *own, "--seeds", "2")
    rows = find_table(document, "places")
    assert [row["seed"] for row in rows] == [0, 1]
    assert rows[0]["highest"] != rows[1]["highest"]
    assert " So in 2 of 2 seeds." in document["answer"]["text"]


@pytest.mark.filterwarnings("ignore")
def test_saved_weights_are_looked_at_and_not_trained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"0.weight": torch.tensor([[2.0]]), "2.weight": torch.tensor([[0.5]])}, "valley.pt")
    torch.save({"0.weight": torch.zeros(1, 1), "2.weight": torch.zeros(1, 1)}, "saddle.pt")
    document = report(capsys, "landscape", "--weights", "valley.pt", "--vs", "weights=saddle.pt")
    assert [row["verdict"] for row in find_table(document, "places")] == ["degenerate minimum", "saddle"]
    assert [run["metrics"]["updates"] for run in document["runs"]] == [0, 0]
    torch.save({"0.weight": torch.zeros(3, 1), "2.weight": torch.zeros(1, 3)}, "wide.pt")
    outcome = carry_out(capsys, "landscape", "--weights", "wide.pt")
    assert outcome.code == 2
    assert "model.0.weight is [3, 1] there and [1, 1] in this network" in outcome.err
    assert carry_out(capsys, "landscape", "--weights", "valey.pt").err.endswith("did you mean 'valley.pt'?\n")
    assert outcome.errors[0].startswith("trainlab: error: --weights: weights: does not fit: ")


@pytest.mark.parametrize(("option", "value"), [("--radius", "0"), ("--radius", "wide")])
def test_a_radius_is_a_number_above_0(capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    outcome = carry_out(capsys, "landscape", option, value)
    assert (outcome.code, outcome.out) == (2, "")
    assert "--radius: must be a number above 0" in outcome.err


def test_the_radius(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--set", "weights=[1,1]", "--set", "train.updates=0", "--set", "vs=[]", "--radius")
    near, far = (find_table(report(capsys, "landscape", *options, radius), "sharpness")[0] for radius in ("0.01", "0.1"))
    assert far["adversarial"] == pytest.approx(100 * near["adversarial"], rel=0.5)


ROOT = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.layer = nn.Linear(10, width)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, x):
        return torch.sqrt(self.layer(x).abs())[:, :2]
"""


@pytest.mark.parametrize("width", [2, 100])  # the Hessian whole, and both ends of it
def test_where_there_is_no_slope_nothing_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root.py").write_text(ROOT)
    (tmp_path / "root.yaml").write_text(
        f"model: {{kind: python, target: ./root.py:Net, args: {{width: {width}}}}}\ntrain: {{updates: 0}}\n"
        "data: {name: classification, features: 10}\nloss: cross_entropy\n"
    )
    outcome = carry_out(capsys, "landscape", "root.yaml", "--format", "plain")
    assert (outcome.code, outcome.err) == (4, "")  # nothing could be judged
    assert "Nothing can be said of the place where it stopped" in outcome.out
    assert "not measured" in outcome.out


def test_a_run_that_dies_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--lr", "10", "--set", "weights=[30,30]", "--set", "vs=[{optimizer.lr: 0.0001}]")
    document = report(capsys, "landscape", *options)
    assert document["answer"]["text"].startswith("It did not stop anywhere: it left the finite numbers at update")
    assert {"G006"} <= {each["code"] for each in document["findings"]}


@pytest.mark.parametrize("kind", ["table", "plain", "csv", "markdown", "html", "junit", "github"])
def test_every_format(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    outcome = carry_out(capsys, "landscape", "--set", "weights=[0,0]", "--set", "train.updates=0", "--format", kind)
    assert outcome.code == 0, outcome.err
    assert outcome.out


def test_a_picture_and_what_it_would_take(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert carry_out(capsys, "landscape", "--plot", str(tmp_path / "a.svg")).code == 0
    assert "model.0.weight, from there" in (tmp_path / "a.svg").read_text() or (tmp_path / "a.svg").stat().st_size > 10_000
    found = json.loads(carry_out(capsys, "landscape", "--dry-run", "--format", "json").out)
    assert (found["runs"], found["updates"], found["at_least"]) == (4, 1600, False)
    still = json.loads(carry_out(capsys, "landscape", "--set", "train.updates=0", "--dry-run", "--format", "json").out)
    assert (still["updates"], still["seconds"]) == (0, 0.0)
    assert set(still["looks"]) == set(found["looks"]) == {"curvature", "sharpness", "surface"}
    assert all(0 < seconds < 60 for seconds in still["looks"].values())
    shown = carry_out(capsys, "landscape", "--dry-run").out
    assert re.search(r"\ntime     \S+ s of training, then up to \S+ s of measuring \((?:\w+ \S+ s(?:, )?){3}\)$", shown.strip())
    assert json.loads(carry_out(capsys, "gradients", "--dry-run", "--format", "json").out)["looks"] == {}


def test_a_look_that_takes_long_ends_with_what_there_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(watcher: progress.Watcher, state: engine.Progress) -> bool:
        if state.looking:
            watcher.signal = signal.SIGINT
        return watcher.signal is None

    monkeypatch.setattr(progress.Watcher, "__call__", interrupt)
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.0)
    outcome = carry_out(capsys, "landscape", "--format", "json")
    assert outcome.code == 130
    document = json.loads(outcome.out)
    assert document["answer"]["text"].endswith("the command was ended before its curvatures were known.")
    assert not document["complete"]
    assert document["runs"][0]["metrics"]["train_loss"] == pytest.approx(1.0)
    assert {"L005"} <= {each["code"] for each in document["skipped"]}
