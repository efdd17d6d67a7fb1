"""README shows only what the program prints: every command in it is run, and its output compared."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from draw_terminal import COMMAND, PICTURE, draw
from terminal import run_in_terminal

from trainlab import plugins
from trainlab.config import validate

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
DRAWING = re.compile(r"[▁▂▃▄▅▆▇█▏▎▍▌▋▊▉0×]{2,}")


def read_sessions() -> list[tuple[str, list[str]]]:
    """Every `$ trainlab ...` in a console block, with the lines shown below it."""
    sessions: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                sessions.append((line[2:], []))
            else:
                sessions[-1][1].append(line)
    return sessions


def agree(shown: str, printed: str) -> bool:
    """The same line, up to the last digits of numbers, which differ between processors, and the finer strokes of drawings."""
    shown, printed = (DRAWING.sub("~", line.rstrip()) for line in (shown, printed))
    if NUMBER.sub("#", shown).split() != NUMBER.sub("#", printed).split():
        return False
    pairs = zip(map(float, NUMBER.findall(shown)), map(float, NUMBER.findall(printed)), strict=True)
    return all(abs(one - other) <= 0.1 * max(abs(one), abs(other)) + 1e-9 for one, other in pairs)


def find_missing(shown: list[str], printed: list[str]) -> str | None:
    """The first line shown that is not printed where it should be; `...` stands for any number of lines."""
    position, free = 0, False
    for line in shown:
        if line.strip() == "...":
            free = True
            continue
        while position < len(printed) and not agree(line, printed[position]):
            if not free:
                return f"{line!r}, printed: {printed[position]!r}"
            position += 1
        if position == len(printed):
            return line
        position, free = position + 1, False
    return None


@pytest.mark.parametrize(("command", "shown"), read_sessions(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_program_prints_what_readme_shows(
    command: str, shown: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "typo.yaml").write_text("model:\n  activaton: sigmoid\noptimizer: {name: adam, lr: 1e-3, momentum: 0.9}\n")
    (net,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "nn.Module" in block]
    (tmp_path / "net.py").write_text(net)
    program, *arguments = shlex.split(command)
    assert program == "trainlab"
    code, printed = run_in_terminal(arguments)
    assert code in (0, 2), printed
    assert find_missing(shown, printed.splitlines()) is None


def read_python() -> list[tuple[str, str]]:
    """The programs of the section on Python, each with what is shown below it."""
    section = README.split("## From Python\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", section, re.DOTALL)


@pytest.mark.parametrize(("program", "shown"), read_python(), ids=["check", "watch", "test"])
def test_a_program_prints_what_readme_shows(
    program: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (net,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "nn.Module" in block]
    (tmp_path / "net.py").write_text(net)
    if "def test_" in program:
        (tmp_path / "test_net.py").write_text(program)
        # The plugin may be installed or not
        settings = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "80", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "pytest", "-p", "trainlab.integrations.pytest_plugin"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=settings, timeout=300, check=False)
        assert done.returncode == 1, done.stderr
        printed = done.stdout
    else:
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "net", raising=False)
        exec(program, {})
        printed = capsys.readouterr().out
    assert find_missing(["...", *shown.splitlines()], printed.splitlines()) is None


def test_there_are_programs() -> None:
    assert len(read_python()) == 3


def test_the_comparison_notices_what_is_wrong() -> None:
    assert find_missing(["loss 0.75"], ["loss 0.76"]) is None
    assert find_missing(["loss 0.75"], ["loss 0.95"]) is not None
    assert find_missing(["loss 0.75"], ["rate 0.75"]) is not None
    assert find_missing(["a", "...", "c"], ["a", "b", "c"]) is None
    assert find_missing(["a", "c"], ["a", "b", "c"]) is not None
    assert find_missing(["a", "...", "d"], ["a", "b", "c"]) is not None


BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
JOBS = [block for block in BLOCKS if "pip install" in block]


HOOKS = [block for block in BLOCKS if "hooks:" in block]


def test_every_command_has_its_place_in_the_list_and_every_link_leads_somewhere() -> None:
    anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.*)", README, re.MULTILINE)}
    links = re.findall(r"\]\(#([^)]*)\)", README)
    assert set(links) <= anchors
    listed = re.findall(r"^\| \[(.*?)\]\(#.*?\) \| `(\S+)` \|", README, re.MULTILINE)
    assert [question for question, _ in listed] == re.findall(r"^### (.*\?)$", README, re.MULTILINE)
    assert sorted([*(name for _, name in listed), "diff", "explain", "config"]) == sorted(
        plugins.list_names("trainlab.cli.commands")
    )


def test_the_config_shown_is_valid() -> None:
    (config,) = (block for block in BLOCKS if block not in JOBS + HOOKS)
    validate(yaml.safe_load(config), {})


def test_the_hook_shown_refuses_a_wrong_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "good.yaml").write_text("model: {width: 8}\n")
    (tmp_path / "configs" / "wrong.yml").write_text("model: {widht: 8}\n")
    (hooks,) = HOOKS
    (hook,) = yaml.safe_load(hooks)["repos"][0]["hooks"]
    files = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*.*"))]
    assert all(re.search(hook["files"], file) for file in files)
    program, *arguments = shlex.split(hook["entry"])
    assert program == "trainlab"
    code, printed = run_in_terminal([*arguments, *files])
    assert code == 2
    assert re.findall(r"error: (\S+):", printed) == ["configs/wrong.yml:1"]


def test_the_picture_shows_what_the_program_prints() -> None:
    shown, printed = PICTURE.read_text(encoding="utf-8").splitlines(), draw(COMMAND).splitlines()
    assert find_missing(shown, printed) is None
    assert COMMAND in README


@pytest.mark.parametrize("job", JOBS, ids=["github", "gitlab"])
def test_the_jobs_shown_run(job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "net.yaml").write_text(
        "model: {width: 8}\ndata: {name: iris, test_fraction: 0.3}\nloss: cross_entropy\n"
        "optimizer: {name: adam, lr: 0.01}\ntrain: {epochs: 30}\n"
    )
    assert yaml.safe_load(job)
    (command,) = re.findall(r"- (?:run: )?trainlab (.*)", job)
    code, printed = run_in_terminal(shlex.split(command))
    assert code in (0, 1), printed
    files = re.findall(r"--format \w+:(\S+)", command)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(files)
    assert all(job.count(file) > 1 for file in files), "what is written is used"
