"""A config file changed in place means what it should, and looks as its author left it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.zoo.cases import FOLDER, PARTS
from trainlab.config import Config, apply_patch, load, validate
from trainlab.config.edit import edit

FILE = """\
# my first network
model:
    kind: mlp        # plain
    layers: 3
    init: he_normal
data: {name: digits, test_fraction: 0.2}   # 1797 images

loss: 'cross_entropy'
optimizer: {name: adam, lr: 3e-1}  # too high?
train: {epochs: 12, batch_size: 32}
"""


def change(tmp_path: Path, patch: dict[str, Any], text: str = FILE) -> tuple[str, Config, Config]:
    """The new text, what it means, and what it should."""
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    wanted = apply_patch(validate(load(file).values), patch).config
    written = edit(file, wanted)
    file.write_text(written, encoding="utf-8")
    return written, validate(load(file).values), wanted


def list_changed(written: str, text: str = FILE) -> list[str]:
    """The lines that are new, blanks aside."""
    old = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in (" ".join(line.split()) for line in written.splitlines()) if line not in old]


@pytest.mark.parametrize(
    ("patch", "lines"),
    [
        ({}, []),
        ({"optimizer.lr": 0.003}, ["optimizer: {name: adam, lr: 0.003} # too high?"]),
        ({"model.norm": "batch"}, ["norm: batch"]),
        ({"model.init": {"name": "auto"}}, ["init: auto"]),
        ({"schedule": {"name": "cosine"}}, ["schedule: cosine"]),
        (
            {"schedule": {"name": "cosine", "warmup": 2, "warmup_per": "epoch"}},
            ["schedule: {name: cosine, warmup: 2, warmup_per: epoch}"],
        ),
        ({"clip": {"mode": "norm", "threshold": 0.5}}, ["clip: {mode: norm, threshold: 0.5}"]),
        ({"data.standardize": True}, ["data: {name: digits, test_fraction: 0.2, standardize: true} # 1797 images"]),
        ({"model.width": [64, 32]}, ["width: [64, 32]"]),
        ({"train.early_stopping": 5}, ["train: {epochs: 12, batch_size: 32, early_stopping: 5}"]),
        ({"optimizer": {"name": "sgd", "lr": 0.1}}, ["optimizer: {name: sgd, lr: 0.1} # too high?"]),
        ({"regularize.l1": 1e-5}, ["regularize: {l1: 1e-05}"]),
    ],
    ids=str,
)
def test_only_what_is_new_is_written_as_short_as_it_can_be(tmp_path: Path, patch: dict[str, Any], lines: list[str]) -> None:
    written, meant, wanted = change(tmp_path, patch)
    assert meant == wanted
    assert list_changed(written) == lines


def test_comments_order_indentation_and_quotes_stay(tmp_path: Path) -> None:
    written, _, _ = change(tmp_path, {"optimizer.lr": 0.003, "model.activation": "tanh"})
    assert [line for line in written.splitlines() if line.startswith("#")] == ["# my first network"]
    assert "    kind: mlp        # plain\n" in written
    assert "# 1797 images\n\nloss: 'cross_entropy'\n" in written
    keys = [line.split(":")[0] for line in written.splitlines() if line and line[0].isalpha()]
    assert keys == ["model", "data", "loss", "optimizer", "train"]


def test_a_kind_that_goes_takes_its_keys_along(tmp_path: Path) -> None:
    text = FILE.replace("epochs: 12", "epochs: 12, early_stopping: {patience: 3}") + "clip: {mode: norm, threshold: 0.1}\n"
    written, meant, wanted = change(tmp_path, {"clip.mode": "none", "optimizer.name": "sgd", "train.early_stopping": None}, text)
    assert meant == wanted
    assert "threshold" not in written


@pytest.mark.parametrize(
    "path", sorted(path for part in PARTS for path in (FOLDER / part).glob("*.yaml"))[::6], ids=lambda path: path.stem
)
def test_every_kind_of_config_can_be_edited(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    patch = {"optimizer.lr": 0.0123, "train.epochs": 3, "model.init": {"name": "auto"}, "clip": {"mode": "norm", "threshold": 2.0}}
    written, meant, wanted = change(tmp_path, patch, text)
    assert meant == wanted
    assert [line for line in written.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]
