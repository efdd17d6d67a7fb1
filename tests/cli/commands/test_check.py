"""One training, every rule, one verdict; then what mends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import carry_out, find_table, report
from trainlab.studies.check import RULES

QUICK = ("check", "--set", "data.samples=300", "--epochs", "12", "--diagnose")
CONFIG = """\
# mine
model: {kind: mlp, layers: 2, width: 16}   # small
data: {name: wine, standardize: true, test_fraction: 0.2}
loss: cross_entropy
optimizer: {name: adam, lr: 3}  # as it was
train: {epochs: 12, batch_size: 32}
"""


def test_a_sound_training_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "check", "--seeds", "2")
    assert document["findings"] == []
    assert document["answer"]["text"].startswith("Healthy: ")
    silent = set(document["answer"]["values"]["not_judged"])
    assert document["answer"]["values"]["judged"] == len(RULES) - len(silent)
    assert {each["code"] for each in document["skipped"]} == silent
    (row,) = find_table(document, "runs")
    assert (row["run"], row["verdict"]) == ("base", "healthy")
    assert row["test accuracy"] > 0.95


def test_errors_fail_the_command_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    broken = (*QUICK, "--lr", "30", "--optimizer", "sgd")
    outcome = carry_out(capsys, *broken)
    assert outcome.code == 1
    assert outcome.answer.startswith("The likeliest cause of what is wrong")
    assert carry_out(capsys, *broken, "--fail-on", "never").code == 0
    assert carry_out(capsys, *QUICK, "--lr", "1e-6", "--fail-on", "warning").code == 1


def test_a_consequence_names_its_cause_and_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, *QUICK, "--lr", "3", "--fail-on", "never")
    assert document["findings"][0]["because"] is None
    below = [each for each in document["findings"] if each["because"]]
    assert below
    codes = {each["code"] for each in document["findings"]}
    assert {each["because"] for each in below} <= codes
    assert document["summary"]["errors"] + document["summary"]["warnings"] <= len(document["findings"]) - len(below)


def test_what_is_not_asked_for_is_neither_named_nor_mended(capsys: pytest.CaptureFixture[str]) -> None:
    fault = ("check", "gradients", "--fail-on", "never")
    told = report(capsys, *fault, "--diagnose")
    assert told["answer"]["values"]["cause"] == "G001"
    ignored = report(capsys, *fault, "--ignore", "G001")
    assert ignored["findings"] == []
    assert ignored["answer"]["values"]["cause"] is None
    assert ignored["answer"]["values"]["judged"] == told["answer"]["values"]["judged"] - 1
    assert {run["name"] for run in ignored["runs"]} == {"base"}


def test_silence_is_not_health(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "check", "gradients", "--select", "L002", "--diagnose")
    assert outcome.code == 4
    assert outcome.answer.startswith("Nothing could be judged by L002")


def test_a_budget_that_is_too_small_to_try_anything_is_named(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    answer = carry_out(capsys, "check", str(broken), "--budget", "8x", "--fail-on", "never").answer
    assert answer.endswith("No remedy was tried: that takes a budget of 12x or more.")
    assert "was tried" not in carry_out(capsys, "check", str(broken), "--budget", "12x", "--fail-on", "never").answer


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config whose rate is far too high, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def test_the_mended_config_is_written_and_checked_again(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    document = report(capsys, "check", "mine.yaml", "--write", "fixed.yaml")  # exits with 0: nothing is left
    values, found = document["answer"]["values"], document["findings"][0]
    assert document["answer"]["text"].endswith("Written to fixed.yaml, and checked again: healthy.")
    assert values["written"] == {"path": "fixed.yaml", "healthy": True, "cause": None}
    (suggestion,) = found["suggestions"]
    assert suggestion["patch"] == values["mended"]
    assert suggestion["measured"]["verdict"] == "helps"
    assert suggestion["measured"]["metric"] == "validation_loss"  # as many are right: the loss decides
    assert suggestion["measured"]["with"] < 0.1 * suggestion["measured"]["control"]
    low, high = suggestion["measured"]["interval"]
    assert low <= suggestion["measured"]["ratio"] <= high < 1
    rows = find_table(document, "remedies")
    assert (rows[0]["change"], rows[0]["verdict"]) == ("nothing", "control")
    assert rows[1]["verdict"] == "helps the loss"
    assert values["tried"] == len(rows) - 1
    assert values["cost"] == pytest.approx(len(document["runs"]), rel=0.3)  # a validation part takes some of the updates
    written = (broken.parent / "fixed.yaml").read_text(encoding="utf-8")
    assert written.startswith("# mine\nmodel: {kind: mlp, layers: 2, width: 16}   # small\n")
    assert "validation_fraction" not in written
    assert carry_out(capsys, "check", "fixed.yaml").answer.startswith("Healthy")
    baseline = broken.parent / "report.json"
    baseline.write_text(json.dumps(document), encoding="utf-8")
    known = carry_out(capsys, "check", "mine.yaml", "--diagnose", "--baseline", "report.json")
    assert known.code == 0  # judges only what is new
    assert "known" in known.out


def test_a_sound_config_is_left_alone(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    document = report(capsys, "check", "mine.yaml", "--lr", "0.01", "--write", "fixed.yaml")
    assert document["answer"]["text"].endswith("Nothing was written to fixed.yaml.")
    assert {run["name"] for run in document["runs"]} == {"base"}
    assert [table["name"] for table in document["tables"]] == ["runs"]
    assert sorted(path.name for path in broken.parent.iterdir()) == ["mine.yaml"]


def test_what_no_patch_mends_is_said_and_costs_nothing_more(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    rows = [f"{x},{2 * x}" if x != 7 else "nan,1" for x in range(60)]
    (broken.parent / "hole.csv").write_text("\n".join(["x,y", *rows]), encoding="utf-8")
    given = ("--set", "data={name: csv, path: hole.csv, task: numbers}", "--set", "loss=mse", "--fail-on", "never")
    document = report(capsys, "check", "mine.yaml", *given)
    assert document["findings"][0]["code"] == "D006"
    assert "No remedy was tried" in document["answer"]["text"]
    assert document["answer"]["values"]["mended"] is None
    assert (len(document["runs"]), document["answer"]["values"]["cost"]) == (1, 1.0)


def test_to_write_there_must_be_something_to_try_and_a_place(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    outcome = carry_out(capsys, "check", "mine.yaml", "--diagnose", "--write", "fixed.yaml")
    assert (outcome.code, len(outcome.errors)) == (2, 1)
    assert "--write" in outcome.errors[0]
    outcome = carry_out(capsys, "check", "mine.yaml", "--write", "nowhere/fixed.yaml")
    assert (outcome.code, len(outcome.errors)) == (2, 1)
    assert "the folder does not exist" in outcome.errors[0]


def test_help_says_when_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert "[default: error]" in carry_out(capsys, "check", "--help").out
    assert "[default: 40x]" in carry_out(capsys, "check", "--help").out
    assert "[default: never]" in carry_out(capsys, "overfit", "--help").out


def test_a_threshold_of_the_config_counts(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, *QUICK, "--set", "rules={F001: {gap: -0.5}}", "--select", "F001")
    assert "F001" in outcome.out


def test_only_what_is_new_beside_the_baseline_is_mended(capsys: pytest.CaptureFixture[str], broken: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    carry_out(capsys, "check", str(broken), "--diagnose", "--format", f"json:{known}")
    codes = [each["code"] for each in json.loads(known.read_text(encoding="utf-8"))["findings"]]
    assert codes[0] == "L001"
    written = tmp_path / "mended.yaml"
    document = report(capsys, "check", str(broken), "--baseline", str(known), "--write", str(written))
    assert document["answer"]["text"].startswith("Nothing new: L001")
    assert [run["name"] for run in document["runs"]] == ["base"]
    assert (document["answer"]["values"]["healthy"], document["summary"]["exit_code"]) == (False, 0)
    assert not written.exists()
    noisy = ("--set", "data.label_noise=0.4", "--fail-on", "never")
    document = report(capsys, "check", str(broken), *noisy, "--baseline", str(known))
    assert document["answer"]["values"]["cause"] == "D003"
    assert "L001 stands in the baseline." in document["answer"]["text"]
    assert "No remedy was tried: for D003 there is no patch" in document["answer"]["text"]


def test_a_rare_class_is_given_weight(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, written = tmp_path / "rare.yaml", tmp_path / "mended.yaml"
    path.write_text(
        "model: {kind: mlp, layers: 2, width: 16}\n"
        "data: {name: classification, samples: 1000, features: 10, informative: 4, imbalance: 40}\n"
        "loss: cross_entropy\noptimizer: {name: adam, lr: 0.01}\ntrain: {epochs: 20, batch_size: 64}\n",
        encoding="utf-8",
    )
    document = report(capsys, "check", str(path), "--write", str(written), "--budget", "20x")
    assert document["answer"]["values"]["cause"] == "D004"
    assert document["answer"]["values"]["mended"]["data.class_weights"] == "balanced"
    assert "class_weights: balanced" in written.read_text(encoding="utf-8")
    (kept, *_) = [row for row in find_table(document, "remedies") if row["verdict"] == "helps"]
    assert kept["validation balanced accuracy"] > 0.65


OWN = """\
import torch
from sklearn.datasets import load_wine
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(13, 16), nn.Tanh(), nn.Linear(16, 3))

    def forward(self, x):
        return self.layers(x)

def load():
    inputs, target = load_wine(return_X_y=True)
    inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    return torch.utils.data.TensorDataset(torch.tensor(inputs).float(), torch.tensor(target))
"""


def test_code_of_ones_own_is_mended_as_far_as_settings_go(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    (broken.parent / "own.py").write_text(OWN, encoding="utf-8")
    given = ("--set", "model={kind: python, target: './own.py:Net'}", "--set", "data={name: python, target: './own.py:load'}")
    document = report(capsys, "check", "mine.yaml", *given, "--lr", "10", "--write", "fixed.yaml", "--budget", "20x")
    values = document["answer"]["values"]
    assert values["mended"].keys() <= {"optimizer.lr", "schedule"}
    assert values["written"]["healthy"]
    assert "Your own code, so not changed: the network." in document["answer"]["text"]
    assert not any(name.startswith("model.") for run in document["runs"] for name in run["patch"])


KINDS = {
    "cnn": ("model={kind: cnn, width: 4, layers: 2, norm: batch}", "optimizer={name: sgd, lr: 0.05, momentum: 0.9}"),
    "transformer": ("model={kind: transformer, width: 16, layers: 1, heads: 2}", "optimizer={name: adamw, lr: 0.01}"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_sound_networks_of_other_kinds_are_left_alone(kind: str, capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    given = [part for each in (*KINDS[kind], "data={name: digits, standardize: true}") for part in ("--set", each)]
    document = report(capsys, "check", "mine.yaml", *given, "--epochs", "12", "--write", "fixed.yaml")
    assert document["answer"]["text"].startswith("Healthy: ")
    assert {run["name"] for run in document["runs"]} == {"base"}
    assert not (broken.parent / "fixed.yaml").exists()
