"""Scripts of public repositories, as they are: `make test-scripts`. Healthy, and the same bits watched and unwatched."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.third_party.repositories import EXAMPLES, MINGPT, fetch

ENDING = Path(__file__).parent / "ending"
CLOCK = re.compile(r"iter_dt [\d.]+ms|time: +[\d.]+s|ms/batch +[\d.]+")
SCRIPT_RULES = {"M004", "M005", "M006", "M009", "M010"}


def run(folder: Path, name: str, *command: str, path: Path | None = None, **setting: str) -> str:
    """What a script prints, but for times, and what it leaves behind."""
    here = folder / name
    environment = os.environ | {"DIGEST": str(here.with_suffix(".digest")), "OMP_NUM_THREADS": "1"}
    places = [str(ENDING), os.environ.get("PYTHONPATH", ""), *([str(path)] if path else [])]
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, places)), **setting}
    line = [sys.executable, *command]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, env=environment, timeout=900)
    assert done.returncode == 0, done.stderr
    return CLOCK.sub("", done.stdout) + here.with_suffix(".digest").read_text()


def compare(folder: Path, script: Path, *arguments: str, path: Path | None = None, **setting: str) -> dict[str, Any]:
    """The report, after it was seen that watching changes nothing and that no error is found."""
    plain = run(folder, "plain", str(script), *arguments, path=path, **setting)
    watch = ("-m", "trainlab", "watch", "-q", "--format", "json", "--output", "r.json")
    assert run(folder, "watched", *watch, str(script), *arguments, path=path, **setting) == plain
    report: dict[str, Any] = json.loads((folder / "r.json").read_text())
    assert [each["message"] for each in report["findings"] if each["severity"] == "error"] == []
    assert report["complete"]
    return report


def list_models(report: dict[str, Any]) -> list[str]:
    return [each["config"]["model"] for each in report["runs"]]


def list_codes(report: dict[str, Any]) -> set[str]:
    return {each["code"] for each in report["findings"] if each["severity"] != "info"}


def test_the_adder_of_mingpt(tmp_path: Path) -> None:
    place = fetch(*MINGPT)
    line = ("--trainer.max_iters=120", "--trainer.num_workers=0")
    report = compare(tmp_path, place / "projects" / "adder" / "adder.py", *line, path=place)
    assert (list_models(report), report["answer"]["values"]["updates"]) == (["GPT"], 120)
    assert list_codes(report) <= {"C001"}, "it clips at 1 from its first update on"
    assert SCRIPT_RULES.isdisjoint(each["code"] for each in report["skipped"])


def test_regression_by_hand(tmp_path: Path) -> None:
    report = compare(tmp_path, fetch(*EXAMPLES) / "regression" / "main.py")
    assert list_models(report) == ["Linear"]
    assert report["answer"]["values"]["updates"] > 100
    assert list_codes(report) == set()


def test_time_sequence_prediction_with_closures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    place = fetch(*EXAMPLES) / "time_sequence_prediction"
    run(tmp_path, "made", str(place / "generate_sine_wave.py"))
    trusted = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}  # it loads what was made just now, as torch before 2.6 allowed
    report = compare(tmp_path, place / "train.py", "--steps", "1", **trusted)
    assert (list_models(report), report["answer"]["values"]["updates"]) == (["Sequence"], 1)


@pytest.mark.parametrize(
    ("model", "options"),
    [("LSTM", ()), ("GRU", ("--use-optimizer", "--lr", "0.01")), ("Transformer", ("--use-optimizer", "--lr", "0.001"))],
)
def test_word_language_model(model: str, options: tuple[str, ...], tmp_path: Path) -> None:
    place = fetch(*EXAMPLES)
    stream = random.Random(0)
    for part, lines in (("train", 300), ("valid", 30), ("test", 30)):
        words = [[f"w{stream.randrange(40) ** 2 % 97}" for _ in range(20)] for _ in range(lines)]
        (tmp_path / f"{part}.txt").write_text("\n".join(map(" ".join, words)) + "\n")
    sizes = ("--data", str(tmp_path), "--epochs", "3", "--emsize", "32", "--nhid", "32", "--model", model)
    report = compare(tmp_path, place / "word_language_model" / "main.py", *sizes, *options)
    kind = "TransformerModel" if model == "Transformer" else "RNNModel"
    assert (list_models(report), report["answer"]["values"]["updates"]) == ([kind], 27)
    assert list_codes(report) <= {"C001"}, "0.25 is a low threshold for it"
    assert "M001" not in {each["code"] for each in report["skipped"]}
