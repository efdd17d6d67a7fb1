"""Whatever is wrong with a command line: one message for each problem, exit code 2, no traceback, nothing trained, nothing left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import carry_out

FILES = {
    "typo.yaml": "seed: 0\nmodel:\n  layres: 3\n",
    "twice.yaml": "model: {layers: 3}\nmodel: {layers: 2}\n",
    "empty.yaml": "",
    "list.yaml": "- a\n",
    "open.yaml": "model: [1, 2",
    "tab.yaml": "model:\n\tlayers: 3\n",
    "nan.yaml": "optimizer:\n  lr: .nan\n",
    "classes.yaml": "data:\n  name: classification\n  samples: 3\n  classes: 4\n",
    "split.yaml": "data:\n  name: iris\n  samples: 2\n  test_fraction: 0.9\nloss: cross_entropy\n",
    "loss.yaml": "data: {name: iris}\nloss: bce\nmodel: {outputs: 1}\n",
    "numbers.yaml": "data: {name: diabetes}\nloss: cross_entropy\n",
    "target.yaml": "data: {name: ones}\nloss: mse\n",
    "frozen.yaml": "model:\n  freeze: ['*']\ndata: {name: iris}\nloss: cross_entropy\n",
    "thaw.yaml": "model:\n  freeze: [decoder.*]\ndata: {name: iris}\nloss: cross_entropy\n",
    "module.yaml": "model: {kind: layers, modules: [{Liner: [4, 3]}]}\ndata: {name: iris}\nloss: cross_entropy\n",
    "shapes.yaml": "model: {kind: layers, modules: [{Linear: [5, 3]}]}\ndata: {name: iris}\nloss: cross_entropy\n",
    "outputs.yaml": "model: {kind: layers, modules: [{Linear: [4, 2]}]}\ndata: {name: iris}\nloss: cross_entropy\n",
    "tuple.yaml": "model: {kind: layers, modules: [{LSTM: [4, 3]}]}\ndata: {name: iris}\nloss: cross_entropy\n",
    "one.yaml": "model:\n  norm: batch\ndata: {name: iris}\nloss: cross_entropy\ntrain:\n  batch_size: 1\n",
    "last.yaml": "model: {norm: batch}\ndata: {name: iris, test_fraction: 0.2}\nloss: cross_entropy\ntrain: {batch_size: 17}\n",
    "rules.yaml": "rules:\n  G001: {ratoi: 1}\n",
    "ignore.yaml": "rules:\n  ignore:\n  - {code: G001}\n",
    "vs.yaml": "model: {layers: 3}\nvs:\n- {model.activation: relu}\n- {model.nrom: batch}\n",
    "same.yaml": "model: {layers: 3}\nvs:\n- {model.layers: 4}\n- {model.layers: 4}\n",
    "report.json": '{"schema": "other/1", "findings": []}',
    "broken.json": "{",
    "taken": "",
}

CASES = [
    # commands and options
    ("nosuch", "no such command 'nosuch'"),
    ("gradient", "no such command 'gradient'. Did you mean 'gradients'?"),
    ("--verion", "--verion: there is no such option; did you mean '--version'?"),
    ("gradients --laers 3", "--laers: there is no such option; did you mean '--layers'?"),
    ("gradients --layers", "option '--layers' requires an argument"),
    ("gradients a b", "got unexpected extra argument(s) (b)"),
    ("gradients --quiet=3", "option '--quiet' does not take a value"),
    ("gradients --lr 1 --lr 2", "--lr: is given twice"),
    ("gradients --seeds 0", "--seeds: must be a whole number of at least 1 (got 0)"),
    ("gradients --seeds x", "--seeds: must be a whole number of at least 1 (got x)"),
    ("gradients --seed -1", "--seed: must be a whole number of at least 0 (got -1)"),
    ("gradients --seed 9223372036854775807 --seeds 2", "--seeds: must not lead beyond the largest seed"),
    ("gradients --threads 0", "--threads: must be a whole number of at least 1 (got 0)"),
    ("gradients --steps 0", "--steps: must be a whole number of at least 1 (got 0)"),
    ("gradients --steps 1.5", "--steps: must be a whole number of at least 1 (got 1.5)"),
    ("gradients --device cuda:99", "--device: no such device on this machine (got cuda:99)"),
    ("gradients --device gpu", "--device: must be auto, cpu, cuda, cuda:N or mps (got gpu)"),
    ("gradients --fail-on eror", "--fail-on: is none of the choices (got eror); did you mean 'error'?"),
    ("gradients --select G9", "--select: no rule's code begins with this (got G9)"),
    ("gradients --ignore g001", "--ignore: no rule's code begins with this (got g001); did you mean 'G001'?"),
    ("gradients --budget 0x", "--budget: must be a number of trainings (`20x`) or a time (`30s`, `5m`) (got 0x)"),
    ("gradients --budget soon", "--budget: must be a number of trainings (`20x`) or a time (`30s`, `5m`) (got soon)"),
    ("gradients --baseline missing.json", "--baseline: cannot be read: "),
    ("gradients --baseline report.json", "--baseline: is no JSON report of trainlab's (got report.json)"),
    ("gradients --baseline broken.json", "--baseline: is no JSON report of trainlab's (got broken.json)"),
    ("lr-sweep --lr 0", "--lr: must be numbers above 0, separated by commas (got 0)"),
    ("lr-sweep --lr 0.1,nan", "--lr: must be numbers above 0, separated by commas (got nan)"),
    ("lr-sweep --lr 0.1 --lr 0.1", "--lr: is given twice (got 0.1)"),
    ("clip --threshold -1", "--threshold: must be numbers above 0, separated by commas (got -1)"),
    # where the report goes
    ("gradients --format jsn", "--format: there is no such format (got jsn); did you mean 'json'?"),
    ("gradients --format json --format table", "two documents for stdout"),
    ("gradients --format json:x --format table:./x", "two documents for x"),
    ("gradients --format json:x --output y", "--output: the first format has a file already"),
    ("gradients --output x.png --plot x.png", "two documents for x.png"),
    ("gradients --output missing/x", "--output: the folder does not exist (got missing/x)"),
    ("gradients --format json:missing/x", "--format: the folder does not exist (got missing/x)"),
    ("gradients --output folder", "--output: is a folder, not a file (got folder)"),
    ("gradients --output /proc/x", "--output: cannot be written: "),
    ("gradients --plot x.jpg", "--plot: unknown kind of picture (got 'x.jpg'); did you mean '.png'?"),
    ("gradients --plot x", "--plot: unknown kind of picture (got 'x')"),
    # changes
    ("gradients --set layers", "--set layers: must be `key=value`"),
    ("gradients --set foo=1", "--set foo=1: foo: is not a setting"),
    ("gradients --set model.lyers=3", "--set model.lyers=3: model.lyers: `mlp` has no `lyers`; did you mean 'model.layers'?"),
    ("gradients --set model.layers=0", "--set model.layers=0: model.layers: must be a whole number of at least 1 (got 0)"),
    ("gradients --layers abc", "--layers abc: model.layers: must be a whole number of at least 1, not text (got abc)"),
    ("gradients --act rellu", "--act rellu: model.activation: is none of the choices (got rellu); did you mean 'relu'?"),
    ("gradients --width 8,8", "--width 8,8: model.width: lists 2 hidden layers, but `layers: 30` has 29"),
    ("gradients --lr nan", "--lr nan: optimizer.lr: must be a number of at least 0, not text"),
    ("gradients --lr .nan", "--lr .nan: optimizer.lr: must be finite (got .nan)"),
    ("gradients --lr -1", "--lr -1: optimizer.lr: must be a number of at least 0"),
    (
        "gradients --act relu --set model.activation=elu",
        "--set model.activation=elu: model.activation: is set already by --act relu",
    ),
    ("gradients --set seed=1 --set seed=2", "--set seed=2: seed: is set already by --set seed=1"),
    ("gradients --set data.name=csv", "--set data.name=csv: data.path: is required"),
    ("gradients --vs model.layers", "--vs model.layers: must be `key=value`"),
    ("gradients --vs seed=3", "--vs seed=3: seed: is what every run is repeated with, no change to compare"),
    ("gradients --vs model.layers=3 --vs model.layers=3", "--vs model.layers=3: the same change is given twice"),
    ("gradients --vs model.lyers=3", "--vs model.lyers=3: model.lyers: `mlp` has no `lyers`; did you mean 'model.layers'?"),
    ("gradients --norm batch", "--norm batch: model.norm: batch norm cannot train on one sample, and every batch has only one"),
    ("gradients --width 9000000 --layers 3", "model: network and data do not fit into memory"),
    ("compare --vary optimizer.nme=sgd,adam", "--vary: optimizer.nme: `sgd` has no `nme`; did you mean 'optimizer.name'?"),
    ("compare --vary model.dropout=0.1,2", "--vary: model.dropout: must be a number of at least 0 and below 1 (got 2)"),
    ("compare --vary optimizer.lr=", "--vary: optimizer.lr: must list two values or more (got nothing)"),
    ("compare --vary optimizer.lr", "--vary optimizer.lr: must be `key=value,value,...` (got 'optimizer.lr')"),
    ("compare --vary optimizer.lr=1,2 --vary optimizer.lr=3,4", "--vary optimizer.lr=3,4: optimizer.lr: is given twice"),
    ("compare --vary seed=1,2 --vs model.width=3", "--vary: makes its own list of runs: leave out --vs"),
    ("compare gradients", "--vary: there is nothing to compare: list values"),
    ("compare --by speed", "--by: is none of the choices"),
    ("compare --target x", "--target: must be a number (got x)"),
    ("compare --equal updates", "--equal: is none of the choices"),
    # config files
    ("gradients missing.yaml", "there is no such file, and no config of that name comes with the program"),
    ("gradients gradient", "did you mean 'gradients'?"),
    ("gradients model.layers=3", "CONFIG: is no file; a change is given with --set (got model.layers=3)"),
    ("gradients folder", "folder: is a directory, not a file"),
    ("gradients typo.yaml", "typo.yaml:3: model.layres: `mlp` has no `layres`; did you mean 'model.layers'?"),
    ("gradients twice.yaml", "twice.yaml:2: model: is set twice, first in line 1"),
    ("gradients empty.yaml", "empty.yaml: the file is empty"),
    ("gradients list.yaml", "list.yaml:1: must hold a mapping of sections"),
    ("gradients open.yaml", "open.yaml:1: is not valid YAML"),
    ("gradients tab.yaml", "tab.yaml:2: must be indented with spaces, not tabs"),
    ("gradients nan.yaml", "nan.yaml:2: optimizer.lr: must be finite (got .nan)"),
    ("gradients classes.yaml", "classes.yaml:4: data.classes: must not exceed `samples`, which is 3 (got 4)"),
    ("gradients split.yaml", "split.yaml:4: data.test_fraction: leaves a part of the 2 samples empty"),
    ("gradients loss.yaml", "loss.yaml:3: model.outputs: the number of outputs must be 3"),
    ("gradients numbers.yaml", "numbers.yaml:2: loss: cross_entropy needs classes, and these data have numbers to predict"),
    ("gradients target.yaml", "target.yaml:2: loss: these data have no target, so only the loss `sum` is possible"),
    ("gradients frozen.yaml", "frozen.yaml:2: model.freeze: nothing is left to train"),
    ("gradients frozen.yaml --set train.precision=fp16", "frozen.yaml:2: model.freeze: nothing is left to train"),
    ("gradients thaw.yaml", "thaw.yaml:2: model.freeze: matches no parameter (got decoder.*)"),
    ("gradients module.yaml", "module.yaml:1: model.modules.0: is no module of torch.nn (got Liner); did you mean 'Linear'?"),
    ("gradients shapes.yaml", "shapes.yaml:1: model: Linear model.0 cannot take an input of shape [120, 4]"),
    (
        "gradients outputs.yaml",
        "outputs.yaml:1: model.modules: the number of outputs must be 3 for these data and the loss cross_entropy; it is 2",
    ),
    ("gradients tuple.yaml", "tuple.yaml:1: model"),
    ("gradients one.yaml", "one.yaml:2: model.norm: batch norm cannot train on one sample, and every batch has only one"),
    ("gradients last.yaml", "last.yaml:1: model.norm: batch norm cannot train on one sample, and the last batch of 120 samples"),
    ("gradients rules.yaml", "rules.yaml:2: rules.G001.ratoi: G001 has no such threshold; did you mean 'ratio'?"),
    ("gradients ignore.yaml", "ignore.yaml:3: rules.ignore.0: must be `{code: ..., reason: ...}`; a reason is required"),
    ("gradients vs.yaml", "vs.yaml:4: "),
    ("gradients same.yaml", "same.yaml:4: the same change is given twice"),
    ("overfit gradients", "data: these data have no test part to compare with (got ones)"),
    ("overfit --set data.test_fraction=0", "--set data.test_fraction=0: data.test_fraction: there is no test part to compare with"),
    # config
    ("config shwo", "no such command 'shwo'. Did you mean 'show'?"),
    ("config show missing", "there is no such file, and no config of that name comes with the program"),
    ("config show --set foo=1", "--set foo=1: foo: is not a setting"),
    ("config init taken", "FILE: is there already; --force replaces it (got taken)"),
    ("config init folder", "FILE: is a folder, not a file (got folder)"),
    ("config init missing/x.yaml", "FILE: the folder does not exist (got missing/x.yaml)"),
    ("config init new.yaml --like nosuch", "there is no such file, and no config of that name comes with the program"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("line", "message"), CASES, ids=[line for line, _ in CASES])
def test_one_message_and_nothing_else(line: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    outcome = carry_out(capsys, *line.split())
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    (found,) = outcome.errors
    assert found.startswith("trainlab: error: ")
    assert message in found
    assert "Traceback" not in outcome.err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_all_problems_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    line = (
        "gradients typo.yaml --seed -1 --threads x --budget 5 --fail-on eror --format jsn --plot x.jpg "
        "--baseline broken.json --set x --width [1"
    )
    outcome = carry_out(capsys, *line.split())
    assert outcome.code == 2
    assert len(outcome.errors) == 10
    assert all(line.startswith("trainlab: error: ") for line in outcome.errors)


def test_all_problems_of_changes_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    line = "gradients --act rellu --set model.lyers=3 --lr x --vs model.nrom=batch"
    assert len(carry_out(capsys, *line.split()).errors) == 3  # a change beside a base that cannot be is not looked at
    assert len(carry_out(capsys, *["gradients", "--vs", "model.nrom=batch", "--vs", "optimizer.lr=x"]).errors) == 2


def test_a_bad_value_from_the_environment_names_its_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINLAB_FAIL_ON", "eror")
    outcome = carry_out(capsys, "check")
    assert outcome.code == 2
    assert outcome.errors == [
        "trainlab: error: TRAINLAB_FAIL_ON: --fail-on: is none of the choices (got eror); did you mean 'error'? "
        "Choices: never, warning, error."
    ]
    assert carry_out(capsys, "check", "--fail-on", "eror").errors[0].startswith("trainlab: error: --fail-on: is none")
