"""Loops that others have written: `make test-scripts`, in an environment of its own.

They are healthy, and the same bits watched and unwatched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "scripts"
DIGEST = Path(__file__).parents[1] / "watch" / "scripts"


def run(folder: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(DIGEST), os.environ.get("PYTHONPATH", "")))}
    line = [sys.executable, *command]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "model", "updates"),
    [("with_lightning", "Net", 32), ("with_accelerate", "Sequential", 24), ("with_transformers", "GPT2LMHeadModel", 24)],
)
def test_a_healthy_loop(name: str, model: str, updates: int, tmp_path: Path) -> None:
    script = str(HERE / f"{name}.py")
    watch = ("-m", "trainlab", "watch", "-q", "--format", "json", "--output", "r.json")
    assert run(tmp_path, *watch, script) == run(tmp_path, script)
    report = json.loads((tmp_path / "r.json").read_text())
    assert [each["config"]["model"] for each in report["runs"]] == [model]
    assert report["answer"]["values"]["updates"] == updates
    assert [each["message"] for each in report["findings"] if each["severity"] != "info"] == []
    judged = {each["code"] for each in report["skipped"]}
    assert judged.isdisjoint({"M004", "M005", "M006", "M009", "M010"})
