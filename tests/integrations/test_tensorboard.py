"""Event files, read back by TensorBoard's own reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.running import carry_out
from trainlab.errors import UserError
from trainlab.integrations import tensorboard

LINE = ("gradients", "--epochs", "4", "--layers", "3", "--seeds", "2", "--vs", "model.activation=relu", "--quiet")


def read(folder: Path) -> Any:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return events


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("tensorboard")
    return tmp_path_factory.mktemp("board")


def test_every_run_stands_in_a_folder_of_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, *LINE, "--tensorboard", str(folder))
    assert outcome.code == 0, outcome.err
    found = sorted(str(each.parent.relative_to(folder)) for each in folder.rglob("events*"))
    assert found == [f"{run}/seed-{seed}" for run in ("base", "model.activation=relu") for seed in (0, 1)]


def test_series_are_read_back_as_they_were_measured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = carry_out(capsys, *LINE, "--format", "json", "--full-series", "--tensorboard", str(folder / "again")).out
    run = json.loads(document)["runs"][0]
    events = read(folder / "again" / run["name"] / f"seed-{run['seed']}")
    expected = {}
    for name, series in run["series"].items():
        values = np.array(series["values"], dtype=np.float64)
        layers = [layer["name"] for layer in run["layers"]]
        columns = {name: values} if values.ndim == 1 else {f"{name}/{layer}": values[:, at] for at, layer in enumerate(layers)}
        expected |= {tag: (series["at"], np.float32(column)) for tag, column in columns.items()}
    assert sorted(events.Tags()["scalars"]) == sorted(expected)
    assert "gradient-norm/model.0.weight" in expected
    for tag, (at, column) in expected.items():
        scalars = events.Scalars(tag)
        assert [each.step for each in scalars] == at
        np.testing.assert_array_equal([each.value for each in scalars], column)


def test_findings_stand_among_the_texts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(
        capsys, "gradients", "--layers", "30", "--epochs", "1", "--quiet", "--format", "json", "--tensorboard", str(folder / "deep")
    )
    codes = {each["code"] for each in json.loads(outcome.out)["findings"]}
    texts = read(folder / "deep" / "base" / "seed-0").Tags()["tensors"]
    assert {text.partition("/")[0] for text in texts} == codes
    assert "G001" in codes


def test_a_name_that_is_no_folder_becomes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "three.csv").write_text("x,y\n1,1\n2,2\n3,3\n4,5\n")
    line = ("gradients", "--epochs", "1", "--quiet", "--vs", f"data={{name: csv, path: {tmp_path}/three.csv, target: y}},loss=mse")
    outcome = carry_out(capsys, *line, "--tensorboard", str(tmp_path / "board"))
    assert outcome.code == 0, outcome.err
    assert len(list((tmp_path / "board").iterdir())) == 2


def test_what_cannot_be_done_is_said_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    outcome = carry_out(capsys, "gradients", "--tensorboard", str(tmp_path / "file" / "board"))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.errors == [f"trainlab: error: --tensorboard: is a file, not a folder (got '{tmp_path}/file')"]


def test_without_tensorboard_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'trainlab\[tensorboard\]'"):
        tensorboard.check(tmp_path)
