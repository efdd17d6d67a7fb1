"""`trainlab watch`: a script runs as python would run it, and what is wrong with it stands on stderr."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Outcome, carry_out
from trainlab.watch.example import MISTAKES

SCRIPTS = Path(__file__).parents[2] / "watch" / "scripts"
PYTHON = [sys.executable]
WATCH = [sys.executable, "-m", "trainlab", "watch"]
MANNERS = '''"""Says how it was started, and uses what depends on that."""
import atexit, multiprocessing, pickle, sys

import torch
from torch.utils.data import DataLoader

import neighbour

class Thing:
    """Of this very script."""

def double(number):
    return 2 * number, __name__

if __name__ == "__main__":
    print(__name__, __file__, __doc__, __spec__, __package__, type(__builtins__), neighbour.__file__)
    print(sys.argv, sys.path[0], sys.stdin.read(), sys.gettrace())
    print(type(pickle.loads(pickle.dumps(Thing()))) is Thing, sys.modules["__main__"].Thing is Thing)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
    print([batch.tolist() for batch in DataLoader(list(range(4)), batch_size=2, num_workers=1)])
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    print(weight.tolist(), torch.get_num_threads())
    atexit.register(print, "the end")
    sys.exit(3)
'''
CRASH = """def fail(number):
    try:
        return 1 / number
    except ZeroDivisionError as error:
        raise ValueError("no") from error

fail(0)
"""
TORCH_CRASH = """import torch
weight = torch.ones(3, requires_grad=True)
class Angry(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x
    @staticmethod
    def backward(ctx, g): raise RuntimeError("not today")
Angry.apply(weight).sum().backward()
"""
FOUND = {
    "none": set(),
    "zero-grad": {"M006"},
    "eval-mode": {"M005"},
    "train-mode": {"M009"},
    "forgotten-layer": {"M004"},
    "wrong-model": {"M004"},
    "never-stepped": {"M010"},
    "clip-early": {"C004"},
    "clip-scaled": {"C004"},
    "squashed": {"M001"},
    "log-of-zero": {"G006"},
}
ENDLESS = """import sys, torch
weight = torch.ones(3, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.1)
while True:
    optimizer.zero_grad()
    weight.square().sum().backward()
    optimizer.step()
    if optimizer.state_dict()["param_groups"] and not hasattr(sys, "told"):
        sys.told = True
        print("begun", flush=True)
"""


def run(command: list[str], folder: Path, standard_input: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, input=standard_input, capture_output=True, text=True, check=False, timeout=120)


class TestAsPythonWould:
    def test_a_script(self, tmp_path: Path) -> None:
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "manners.py").write_text(MANNERS)
        (tmp_path / "code" / "neighbour.py").write_text("")
        line = ["code/manners.py", "--every", "7", "-m", "x", "--", "y"]
        plain = run([*PYTHON, *line], tmp_path, "typed")
        watched = run([*WATCH, "--every", "2", *line], tmp_path, "typed")
        assert watched.stdout == plain.stdout
        assert (watched.returncode, plain.returncode, plain.stderr) == (3, 3, "")
        assert "3 updates of parameters watched" in watched.stderr

    def test_a_module_of_a_package(self, tmp_path: Path) -> None:
        (tmp_path / "train").mkdir()
        (tmp_path / "train" / "__init__.py").write_text("")
        (tmp_path / "train" / "parts.py").write_text("NAME = 'parts'")
        (tmp_path / "train" / "__main__.py").write_text(
            "import sys\nfrom .parts import NAME\n"
            "print(NAME, __name__, __package__, __spec__.name, __file__, sys.argv, sys.path[0])\nsys.exit('said so')\n"
        )
        plain = run([*PYTHON, "-m", "train", "-m", "3"], tmp_path)
        watched = run([*WATCH, "-q", "-m", "train", "-m", "3"], tmp_path)
        assert (watched.stdout, watched.returncode) == (plain.stdout, plain.returncode)
        assert plain.stderr == "said so\n"
        assert watched.stderr.endswith("said so\n")

    @pytest.mark.parametrize("code", [CRASH, TORCH_CRASH], ids=["plain", "in a backward pass"])
    def test_a_traceback_without_our_frames(self, code: str, tmp_path: Path) -> None:
        (tmp_path / "crash.py").write_text(code)
        plain = run([*PYTHON, "crash.py"], tmp_path)
        watched = run([*WATCH, "crash.py"], tmp_path)
        assert watched.stderr.startswith(plain.stderr)
        assert "Traceback" in plain.stderr
        assert "was seen" in watched.stderr or "watched" in watched.stderr
        assert (watched.returncode, plain.returncode) == (1, 1)

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_ends_it_with_a_report(self, number: int, code: int, tmp_path: Path) -> None:
        (tmp_path / "endless.py").write_text(ENDLESS)
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            process = subprocess.Popen(
                [*WATCH, "--format", "json:r.json", "endless.py"],
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (code, "")
        assert ("KeyboardInterrupt" in err) == (number == signal.SIGINT)
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["complete"] is False
        assert report["answer"]["values"]["updates"] > 0


@pytest.mark.usefixtures("in_process")
class TestInProcess:
    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_each_mistake_is_found(self, mistake: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        line = ("--max-overhead", "900%", "-m", "trainlab.watch.example", "--mistake", mistake)
        file = tmp_path / "r.json"
        done = carry_out(capsys, "watch", "--format", "json", "--output", str(file), *line)
        assert (done.code, done.err) == (0, "")
        assert re.fullmatch(r"loss \S+, right \S+ %\n", done.out)
        document = json.loads(file.read_text())
        assert mistake != "log-of-zero" or "wrong at log (after 5): NaN or infinity appeared" in document["answer"]["text"]
        found = {each["code"] for each in document["findings"] if each["severity"] != "info"}
        assert found >= FOUND[mistake]
        others = set().union(*FOUND.values()) - FOUND[mistake]
        assert found.isdisjoint(others)

    def run(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
        return carry_out(capsys, "watch", *arguments)

    def test_exit_codes(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        faulty = ("--fail-on", "error", str(SCRIPTS / "log_of_zero.py"))
        assert self.run(capsys, *faulty).code == 1
        assert self.run(capsys, *faulty[2:]).code == 0
        assert self.run(capsys, "--fail-on", "error", str(SCRIPTS / "by_hand.py")).code == 0
        (tmp_path / "idle.py").write_text("pass")
        assert self.run(capsys, "--fail-on", "error", str(tmp_path / "idle.py")).code == 4
        assert self.run(capsys, str(tmp_path / "idle.py")).code == 0
        (tmp_path / "code.py").write_text("import sys; sys.exit(5)")
        with pytest.raises(SystemExit, match="5"):
            self.run(capsys, "--fail-on", "error", str(tmp_path / "code.py"))

    def test_what_is_known_neither_fails_nor_stops_it(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        known = tmp_path / "known.json"

        def watch(*options: str) -> tuple[int, dict[str, Any]]:
            written = ("--format", f"json:{tmp_path / 'r.json'}")
            code = self.run(capsys, "--fail-on", "error", *options, *written, str(SCRIPTS / "log_of_zero.py")).code
            return code, json.loads((tmp_path / "r.json").read_text())

        first, document = watch()
        known.write_text(json.dumps(document))
        options = ("--baseline", str(known), "--stop-on", "error")
        again, later = watch(*options)
        assert (first, again) == (1, 0)
        assert {each["known"] for each in later["findings"]} == {True}
        assert later["complete"]
        for each in document["findings"]:
            each["severity"] = "warning"
        known.write_text(json.dumps(document))
        worse, stopped = watch(*options)
        assert (worse, stopped["complete"]) == (1, False)

    def test_the_report_goes_where_it_is_wanted(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        file = tmp_path / "r.json"
        done = self.run(capsys, "--format", "table", "--format", f"json:{file}", str(SCRIPTS / "by_hand.py"))
        assert "most updates are clipped (C001). 30 updates of parameters watched" in done.err
        assert json.loads(file.read_text())["command"] == "watch"
        known = self.run(capsys, "--max-steps", "3", "--output", str(file), str(SCRIPTS / "by_hand.py"))
        assert (known.out, known.err) == ("", "")
        assert "ended by --max-steps 3" in file.read_text()

    def test_lines_are_there_while_the_script_runs(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        file, script = tmp_path / "events.jsonl", tmp_path / "reads.py"
        script.write_text(ENDLESS.replace("while True", "for step in range(12)") + "print(len(open(sys.argv[1]).readlines()))\n")
        done = self.run(capsys, "--max-overhead", "900%", "--format", f"jsonl:{file}", "-q", str(script), str(file))
        assert done.out.endswith("\n11\n"), "the start, and ten updates"
        assert done.err == "", "no other document was asked for"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert [each["event"] for each in lines] == ["start", *["step"] * 10, "end"]
        assert lines[0]["arguments"] == [str(file)]

    def test_lines_to_stderr_beside_a_document(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        report = tmp_path / "r.json"
        done = self.run(capsys, "--format", "jsonl", "--format", f"json:{report}", "--max-steps", "3", str(SCRIPTS / "by_hand.py"))
        assert [json.loads(line)["event"] for line in done.err.splitlines()] == ["start", "step", "step", "step", "end"]
        assert json.loads(report.read_text())["command"] == "watch"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--format", "jsonl", "--format", "jsonl:x", "x.py"), ("--format", "jsonl", "twice")),
            (("--format", "jsonl:nowhere/x", "x.py"), ("--format", "folder does not exist")),
            (("--format", "jsonl:x", "--output", "y", "x.py"), ("--output", "has a file already")),
            ((), ("say what to run",)),
            (("nowhere.py",), ("SCRIPT", "nowhere.py", "cannot be read")),
            (("-m", "no.such.module"), ("-m", "no.such.module")),
            (("--every", "0", "x.py"), ("--every",)),
            (("--max-overhead", "3", "x.py"), ("--max-overhead", "per cent")),
            (("--stop-on", "eror", "x.py"), ("--stop-on", "did you mean 'error'")),
            (("--plot", "p.jpg", "x.py"), ("--plot", "unknown kind of picture")),
        ],
    )
    def test_bad_input(self, arguments: tuple[str, ...], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
        done = self.run(capsys, *arguments)
        assert (done.code, done.out) == (2, "")
        assert all(word in done.err for word in words), done.err

    def test_a_picture_and_event_files_wherever_the_script_goes(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "away").mkdir()
        (tmp_path / "go.py").write_text("import os; os.chdir('away')\n" + (SCRIPTS / "by_hand.py").read_text())
        monkeypatch.chdir(tmp_path)
        places = ("--plot", "p.svg", "--tensorboard", "board", "--format", "html:r.html")
        done = self.run(capsys, *places, "go.py")
        assert (done.code, done.err) == (0, "")
        assert (tmp_path / "p.svg").read_text().startswith("<?xml")
        assert "<svg" in (tmp_path / "r.html").read_text()
        accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
        events = accumulator.EventAccumulator(str(tmp_path / "board" / "base" / "seed-0"))
        events.Reload()
        assert {"loss", "total-norm"} <= set(events.Tags()["scalars"])
        assert [each.step for each in events.Scalars("loss")] == list(range(1, 31))

    @pytest.mark.parametrize(
        ("code", "line", "told"),
        [
            ("pass", ("--fail-on", "error"), ["--fail-on"]),
            ("pass", ("--fail-on=error", "--format", "json", "--epochs", "3"), ["--fail-on", "--format"]),
            ("parser.add_argument('--stop-on')", ("--stop-on", "error", "-q", "x"), []),
            ("output = 'output'", ("--output", "x"), []),
            ("output = 'output'; sys.exit(2)", ("--output", "x"), ["--output"]),
        ],
    )
    def test_options_of_ours_behind_a_script_that_knows_none_such(
        self, code: str, line: tuple[str, ...], told: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        script = tmp_path / "script.py"
        script.write_text(f"import sys\nfrom unittest.mock import Mock\nparser = Mock()\nprint(sys.argv[1:])\n{code}\n")
        for quiet in ((), ("--quiet",)):
            try:
                err = self.run(capsys, *quiet, str(script), *line).err
            except SystemExit:
                err = capsys.readouterr().err
            assert re.findall(r"trainlab: (\S+) stands behind the script", err) == ([] if quiet else told)

    def test_a_fault_of_ours_is_none_of_the_scripts(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise ZeroDivisionError("no")

        monkeypatch.setattr("trainlab.watch.judge", fail)
        done = self.run(capsys, str(SCRIPTS / "by_hand.py"))
        assert (done.code, "a bug in trainlab: ZeroDivisionError: no" in done.err) == (0, True)
        assert self.run(capsys, "--fail-on", "error", str(SCRIPTS / "by_hand.py")).code == 3

    def test_a_syntax_error_is_told_with_its_line(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        (tmp_path / "bad.py").write_text("import sys\nprint('a'\n")
        done = self.run(capsys, str(tmp_path / "bad.py"))
        assert done.code == 2
        assert "line 2" in done.err


def test_a_line_of_status_at_the_foot_of_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        ENDLESS.replace("while True", "import time\nfor step in range(12)").replace("    opt", "    time.sleep(0.05); opt", 1)
    )
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = os.environ | {"TERM": "xterm"}
    process = subprocess.Popen(
        [*WATCH, "slow.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=follower, text=True, env=environment
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            shown += os.read(leader, 65536)
        except OSError:
            break
    out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert out == "begun\n"
    assert b"\x1b[1;23r" in shown, "the last row is kept"
    assert re.search(rb"\x1b\[24;1H\x1b\[2K\x1b\[2mtrainlab: update 1, loss 3, rate 0.1, [\d.]+% overhead", shown)
    assert shown.index(b"\x1b[r") < shown.index(b"12 updates"), "and given back before the report"
