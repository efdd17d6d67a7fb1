"""Every command on networks and data of the user's own."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import carry_out, report
from trainlab import targets

from .configs import CASES, NETS, SETS

COMMANDS: dict[str, tuple[str, ...]] = {
    "gradients": (),
    "lr-sweep": ("--lr", "0.001,0.01"),
    "overfit": (),
    "clip": ("--threshold", "1"),
    "compare": ("--seeds", "2"),
    "check": ("--fail-on", "never"),
}


@pytest.fixture(autouse=True)
def _no_home() -> Any:
    yield
    targets.set_home(None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_every_command_runs_on_every_network(case: tuple[str, str], command: str, capsys: Any) -> None:
    net, data = case
    found = report(
        capsys,
        *(command, *COMMANDS[command], "--model", f"{NETS}:{net}", "--data", f"{SETS}:{data}", "--epochs", "1", "--quiet"),
        *("--set", "loss=cross_entropy", "--batch-size", "32", "--vs", "optimizer.lr=0.02"),
    )
    runs = [run for run in found["runs"] if run["metrics"]["updates"]]
    assert {run["config"]["model"]["target"] for run in runs} == {f"{NETS}:{net}"}
    stacked = net in ("ResNet", "Tied")
    assert all((run["how"] == "stacked") == stacked for run in runs if "how" in run)
    assert any("one by one" in note for note in found.get("notes", [])) != stacked


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("case", "command"),
    [
        *itertools.product([("Speaker", "texts", "next_token")], [*COMMANDS, "underfit", "landscape"]),
        *itertools.product([("Tagger", "tagged", "tag_loss")], ["gradients", "compare", "underfit", "check"]),
    ],
)
def test_every_command_runs_with_a_loss_of_ones_own(case: tuple[str, str, str], command: str, capsys: Any) -> None:
    net, data, loss = case
    found = report(
        capsys,
        *(command, *COMMANDS.get(command, ()), "--model", f"{NETS}:{net}", "--data", f"{SETS}:{data}", "--epochs", "1", "--quiet"),
        *("--set", f"loss.name=python,loss.target={SETS}:{loss}", "--vs", "optimizer.lr=0.02", "--batch-size", "12"),
    )
    assert {run["config"]["model"]["target"] for run in found["runs"]} == {f"{NETS}:{net}"}
    assert all(run["metrics"].get("train_accuracy") is None for run in found["runs"]), "how it compares is not known"
    assert "nan" not in found["answer"]["text"].lower()
    assert "not finite" not in found["answer"]["text"]


class TestWhatAnOwnConfigSaysOfItsOwnDataAndNetwork:
    """Nobody has asked for it who gives another network, or data of his own."""

    GIVEN = ("--model", f"{NETS}:Perceptron", "--data", f"{SETS}:loader", "--set", "loss=cross_entropy", "--epochs", "1")

    def read(self, capsys: Any, command: str, *more: str) -> dict[str, Any]:
        runs = report(capsys, command, *self.GIVEN, *more, "--quiet")["runs"]
        return {run["name"]: run["config"] for run in runs}

    def test_a_loader_says_the_batch_size(self, capsys: Any) -> None:
        more = ("--set", "data.args.batch_size=20", "--vs", "train.batch_size=40", "--vs", "optimizer.lr=0.1")
        sizes = {name: each["train"]["batch_size"] for name, each in self.read(capsys, "clip", *more).items()}
        assert sizes.items() >= {"base": 20, "train.batch_size=40": 40, "optimizer.lr=0.1": 20}.items()
        assert {each["train"]["batch_size"] for each in self.read(capsys, "clip", *more[:2], "--batch-size", "8").values()} == {8}

    def test_scaling_weights_and_strata_are_left_out(self, capsys: Any) -> None:
        assert not self.read(capsys, "compare", "--seeds", "1", "--vs", "optimizer.lr=0.1")["base"]["data"]["standardize"]
        assert self.read(capsys, "compare", "--seeds", "1", "--set", "data.standardize=true")["base"]["data"]["standardize"]
        assert "optimizer.momentum=0.9" in self.read(capsys, "landscape")
        assert not self.read(capsys, "underfit")["base"]["data"]["stratify"]

    def test_a_config_of_the_users_is_as_it_is_written(self, capsys: Any, tmp_path: Path) -> None:
        path = tmp_path / "mine.yaml"
        path.write_text(
            f"model: {{kind: python, target: {NETS}:Perceptron}}\nloss: cross_entropy\ntrain: {{epochs: 1, batch_size: 16}}\n"
            f"data: {{name: python, target: {SETS}:loader, standardize: true}}\n"
        )
        (run,) = report(capsys, "gradients", str(path))["runs"]
        assert (run["config"]["train"]["batch_size"], run["config"]["data"]["standardize"]) == (16, True)


def test_arguments_are_patched_and_named(capsys: Any) -> None:
    found = report(
        capsys,
        *("gradients", "--model", f"{NETS}:Perceptron", "--data", f"{SETS}:arrays", "--set", "loss=cross_entropy"),
        *("--set", "model.args.width=4", "--vs", "model.args.width=8", "--vs", "model.args.dropout=0.5", "--seeds", "2"),
    )
    shapes = [(run["name"], run["seed"], run["layers"][0]["shape"]) for run in found["runs"]]
    assert [shape for name, _, shape in shapes if name == "base"] == [[4, 64]] * 2
    assert [shape for name, _, shape in shapes if name == "model.args.width=8"] == [[8, 64]] * 2
    norms = [run["layers"][0]["grad_norm"] for run in found["runs"] if run["name"] == "base"]
    assert norms[0] != norms[1]


def test_a_file_is_looked_for_beside_the_config_first(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "run.yaml").touch()
    net = "from torch import nn\n\n\ndef make():\n    return nn.Linear(4, {})\n"
    (tmp_path / "conf" / "net.py").write_text(net.format(3))
    (tmp_path / "net.py").write_text(net.format(5))
    (tmp_path / "conf" / "run.yaml").write_text(
        "model: {kind: python, target: ./net.py:make}\ndata: {name: iris}\nloss: cross_entropy\n"
    )
    monkeypatch.chdir(tmp_path)
    found = report(capsys, "gradients", "conf/run.yaml")
    assert found["runs"][0]["layers"][0]["shape"] == [3, 4]
    found = report(capsys, "gradients", "--data", "iris", "--set", "loss=cross_entropy", "--model", "./net.py:make")
    assert found["runs"][0]["layers"][0]["shape"] == [5, 4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--act", "relu"), "--act relu: model.activation: `python` has no `activation`; `mlp`"),
        (("--set", "model.args.width=0.5"), "Perceptron() fails in "),
        (("--set", "model.target=net"), "must be a module or a file, and a name in it"),
        (("--set", "optimizer.name=python,optimizer.target=torch.optim:Adam,optimizer.args={lr: 1}"), "must leave out `lr`"),
        (("--set", "model.args=[1]"), "must map the names of arguments to values"),
    ],
)
def test_mistakes_are_one_message(arguments: tuple[str, ...], words: str, capsys: Any) -> None:
    base = ("gradients", "--data", f"{SETS}:arrays", "--set", "loss=cross_entropy")
    given = arguments if "model.target" in str(arguments) else ("--model", f"{NETS}:Perceptron", *arguments)
    given = given if given is not arguments else ("--set", "model.kind=python", *arguments)
    outcome = carry_out(capsys, *base, *given, "--quiet")
    assert outcome.code == 2
    assert len(outcome.errors) == 1
    assert words in outcome.err


def test_what_is_wrong_with_a_network_is_wrong_where_it_was_given(capsys: Any) -> None:
    outcome = carry_out(capsys, "check", "--model", f"{NETS}:Failing", "--data", f"{SETS}:arrays", "--quiet")
    assert outcome.errors[0].startswith(f"trainlab: error: --model {NETS}:Failing: model.args: Failing(width) does not take")


def test_a_config_is_shown_without_running_its_targets(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    (tmp_path / "net.py").write_text("raise SystemExit('it ran')\n")
    path = tmp_path / "run.yaml"
    path.write_text(
        "model: {kind: python, target: ./net.py:make, args: {width: 8}}\ndata: {name: python, target: ./net.py:load}\n"
        "loss: {name: python, target: ./net.py:loss}\noptimizer: {name: python, target: ./net.py:make, lr: 0.1}\n"
    )
    monkeypatch.chdir(tmp_path)
    outcome = carry_out(capsys, "config", "show", "run.yaml")
    assert outcome.code == 0
    assert "target: ./net.py:make" in outcome.out.replace('"', "")
    schema = json.loads(carry_out(capsys, "config", "schema").out)
    assert {"PythonModel", "PythonData", "PythonLoss", "PythonOptimizer"} <= schema["$defs"].keys()
