"""Models that others have written, as targets of the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.third_party.test_scripts import HERE, run

TARGETS = str(HERE / "hugging_face.py")
NAMED = ("--set", "loss=cross_entropy")
OWN = ("--set", f"loss.name=python,loss.target={TARGETS}:next_word")


def carry_out(folder: Path, command: str, model: str, data: str, *more: str) -> dict[str, Any]:
    line = (command, "--model", f"{TARGETS}:{model}", "--data", f"{TARGETS}:{data}", "--epochs", "2", *more)
    run(folder, "-m", "trainlab", *line, "--quiet", "--format", "table", "--format", "json:r.json")
    found: dict[str, Any] = json.loads((folder / "r.json").read_text())
    return found


@pytest.mark.parametrize(("model", "data", "loss"), [("bert", "reviews", NAMED), ("gpt2", "texts", OWN)], ids=["bert", "gpt2"])
def test_a_model_of_hugging_face(model: str, data: str, loss: tuple[str, ...], tmp_path: Path) -> None:
    found = carry_out(tmp_path, "check", model, data, *loss, "--diagnose", "--fail-on", "never")
    (base,) = found["runs"]
    assert base["metrics"]["updates"] == 6
    assert (base["metrics"].get("train_accuracy") is not None) == (model == "bert")
    assert [each["message"] for each in found["findings"] if each["severity"] == "error"] == []
    found = carry_out(tmp_path, "gradients", model, data, *loss)
    assert found["answer"]["text"].startswith("The gradient reaches every layer")
