"""Every command on networks and data of the user's own."""

from __future__ import annotations

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
    "compare": ("--seeds", "2", "--set", "data.standardize=false"),
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
