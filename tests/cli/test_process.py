"""What only a process of its own can show: pipes, signals, terminals, closed streams."""

from __future__ import annotations

import contextlib
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
    """The program, heeding Ctrl-C even where whoever runs the tests in the background has had it ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return subprocess.Popen(
            [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", **options
        )  # type: ignore[call-overload,no-any-return]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_reader_that_has_gone_away_is_no_error() -> None:
    process = begin("gradients", "--format", "json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""


def test_ctrl_c_reports_what_was_measured(tmp_path: Path) -> None:
    process = begin("overfit", "--quick", "--epochs", "1000000", "--format", "json:r.json", "--format", "table", cwd=tmp_path)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "Stopped before all was measured" in out
    assert json.loads((tmp_path / "r.json").read_text())["complete"] is False
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize("seconds", [0.2, 0.4, 0.5, 0.6])
def test_ctrl_c_while_torch_is_still_loading(tmp_path: Path, seconds: float) -> None:
    process = begin("overfit", "--quick", "--output", "t.txt", cwd=tmp_path)
    time.sleep(seconds)
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


EAGER = """
from trainlab.engine import _workers

_workers.PAYS_SECONDS = _workers.OWN_SHARE = 0.0  # a second process at once, however busy the machine is
from trainlab.cli.app import main

main()
"""


def begin_two(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A long command, and the processes that it has started once its worker is one of them."""
    line = ("overfit", "--quick", "--epochs", "1000000", "--seeds", "4", "--processes", "2", "--format", "json:r.json")
    process = subprocess.Popen(
        [sys.executable, "-c", EAGER, *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = find_children(process.pid)
        if any(b"spawn_main" in read_command(child) for child in children):
            return process, children
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no worker was started: {process.communicate()}")


def find_children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def read_command(process: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + 60
    while left := [each for each in processes if b"multiprocessing" in read_command(each)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
class TestTwoProcesses:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_ends_both_and_what_was_measured_is_reported(self, number: int, code: int, tmp_path: Path) -> None:
        process, children = begin_two(tmp_path)
        time.sleep(2)
        for each in [process.pid, *children] if number == signal.SIGINT else [process.pid]:
            os.kill(each, number)  # Ctrl-C goes to all that share the terminal
        out, err = process.communicate(timeout=90)
        assert (process.returncode, out, err) == (code, "", "")
        wait_until_gone(children)
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["complete"] is False
        assert report["runs"][0]["metrics"]["updates"] > 0

    def test_none_is_left_when_the_first_is_killed(self, tmp_path: Path) -> None:
        process, children = begin_two(tmp_path)
        process.kill()
        wait_until_gone(children)
        process.communicate(timeout=60)
