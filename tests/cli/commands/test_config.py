from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.running import carry_out
from trainlab.config import build_schema, list_configs, load, to_values, validate


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", list_configs())
def test_show_prints_a_config_that_means_the_same(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "config", "show", name)
    assert (outcome.code, outcome.err) == (0, "")
    (here / "shown.yaml").write_text(outcome.out)
    assert carry_out(capsys, "config", "show", "shown.yaml").out == outcome.out


def test_show_applies_changes_all_at_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "config", "show", "overfit", "--set", "optimizer.momentum=0.9", "--set", "optimizer.name=sgd")
    (here / "shown.yaml").write_text(outcome.out)
    optimizer = to_values(validate(load("shown.yaml").values))["optimizer"]
    assert (optimizer["name"], optimizer["momentum"]) == ("sgd", 0.9)


def test_show_says_what_a_change_drops(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "config", "show", "clip", "--set", "clip=none")
    assert outcome.err == "trainlab: clip.threshold does not apply any more and is dropped\n"


def test_all_problems_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    line = ("config", "show", "overfit", "--set", "x", "--set", "model.layers=y", "--set", "optimizer.lrr=1")
    assert len(carry_out(capsys, *line).errors) == 3


def test_the_schema_is_that_of_config_files(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "config", "schema")
    assert json.loads(outcome.out) == build_schema()


@pytest.mark.parametrize(
    ("like", "command"),
    [
        (None, "overfit"),
        ("overfit", "overfit"),
        ("gradients-deep", "gradients"),
        ("lr-sweep", "lr-sweep"),
        ("clip", "clip"),
        ("underfit", "underfit"),
        ("compare-depth", "compare"),
        ("landscape", "landscape"),
    ],
)
def test_init_writes_a_config_and_the_command_to_try(
    like: str | None, command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = carry_out(capsys, "config", "init", *(["own.yaml", "--like", like] if like else []))
    file = "own.yaml" if like else "trainlab.yaml"
    assert (outcome.code, outcome.out) == (0, f"wrote {file}; try: trainlab {command} {file}\n")
    assert (here / file).read_text().startswith("#")
    tried = carry_out(capsys, *outcome.out.strip().rpartition("trainlab ")[2].split(), "--epochs", "3", "--quiet")
    assert tried.code == 0


def test_init_replaces_only_what_it_may(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "own.yaml").write_text("mine")
    assert carry_out(capsys, "config", "init", "own.yaml").code == 2
    assert (here / "own.yaml").read_text() == "mine"
    assert carry_out(capsys, "config", "init", "own.yaml", "--force").code == 0
    assert (here / "own.yaml").read_text() != "mine"


def test_validate_is_silent_about_good_configs(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "config", "validate", *list_configs())
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def test_validate_tells_every_mistake_of_every_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "one.yaml").write_text("model:\n  layres: 3\n")
    (here / "two.yaml").write_text("optimizer: {lr: -1}\nvs:\n  - {model.widht: 2}\n")
    (here / "three.yaml").write_text("model: {layers: 3}\nvs:\n  - {model.widht: 2}\n")
    outcome = carry_out(capsys, "config", "validate", "one.yaml", "two.yaml", "three.yaml", "none.yaml")
    assert outcome.code == 2
    assert [line.split(": ")[2] for line in outcome.errors[:3]] == ["one.yaml:2", "two.yaml:1", "three.yaml:3"]
    assert 'got "none.yaml"' in outcome.errors[3]
    assert len(outcome.errors) == 4


def test_validate_reads_the_values_that_compare_would_cross(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "grid.yaml").write_text("data: digits\nvary: {optimizer.lr: [0.1, abc], model.width: [8, 16]}\n")
    (here / "one.yaml").write_text("data: digits\nvary:\n  optimizer.lr: [0.1, 0.2]\n  model.width: [8]\n")
    assert carry_out(capsys, "config", "validate", "grid.yaml", "one.yaml").errors == [
        "trainlab: error: grid.yaml:2: vary.optimizer.lr: must be a number of at least 0, not text (got abc)",
        "trainlab: error: one.yaml:4: vary.model.width: must list two values or more (got 8)",
    ]


def test_arithmetic_says_what_a_config_comes_to(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "config", "show", "check", "--arithmetic", "--set", "train.epochs=2", "--ranks", "4")
    assert (outcome.code, outcome.err) == (0, "")
    figures = yaml.safe_load(outcome.out)
    assert (figures["train_samples"], figures["test_samples"], figures["updates"]) == (1437, 360, 90)
    assert figures["samples_per_rank"] == 360


def test_arithmetic_names_the_option_or_the_line_that_is_wrong(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(capsys, "config", "show", "check", "--arithmetic", "--ranks", "9999").errors == [
        "trainlab: error: --ranks: must leave every rank a sample: there are 1437 (got 9999)"
    ]
    (here / "three.yaml").write_text("data:\n  name: classification\n  samples: 3\n  classes: 4\n")
    outcome = carry_out(capsys, "config", "show", "three.yaml", "--arithmetic")
    assert outcome.code == 2
    assert "three.yaml:" in outcome.errors[0]


def test_what_only_the_arithmetic_reads_is_not_ignored_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "config", "show", "check", "--ranks", "4", "--device", "cpu")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.errors == [
        "trainlab: error: --ranks: is read with --arithmetic only (got 4)",
        "trainlab: error: --device: is read with --arithmetic only (got cpu)",
    ]
