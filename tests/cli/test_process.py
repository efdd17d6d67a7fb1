"""What only a process of its own can show: pipes, signals, terminals, closed streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "trainlab"]


def begin(*arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", **options
    )  # type: ignore[call-overload,no-any-return]


def test_a_reader_that_has_gone_away_is_no_error() -> None:
    process = begin("gradients", "--format", "json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""


def test_ctrl_c_reports_what_was_measured(tmp_path: Path) -> None:
    process = begin("overfit", "--epochs", "1000000", "--format", "json:r.json", "--format", "table", cwd=tmp_path)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "Stopped before all was measured" in out
    assert json.loads((tmp_path / "r.json").read_text())["complete"] is False
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_ctrl_c_while_torch_is_still_loading(tmp_path: Path) -> None:
    process = begin("overfit", "--output", "t.txt", cwd=tmp_path)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) in ((130, ""), (-signal.SIGINT, ""))
    assert "Traceback" not in err or process.returncode == -signal.SIGINT  # before our first line there is only python


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX")
def test_closed_streams_and_an_ascii_one() -> None:
    line = f"{sys.executable} -m trainlab gradients --layers 3"
    closed = subprocess.run(f"{line} <&- >&- 2>&-", shell=True, timeout=60, check=False)
    assert closed.returncode == 0
    ascii_only = subprocess.run(
        f"{line} --vs modèl.layers=3 2>&1; {line}",
        shell=True,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
    )
    text = ascii_only.stdout.decode("ascii")
    assert "error: --vs mod" in text
    assert "The gradient reaches every layer" in text
    assert "Traceback" not in text
