"""The shell completes commands and options."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLACES = {
    "bash": (".bash_completions/trainlab.sh", ".bashrc"),
    "zsh": (".zfunc/_trainlab", ".zshrc"),
    "fish": (".config/fish/completions/trainlab.fish", None),
}
ASKED = {
    "bash": {"COMP_WORDS": "trainlab gra", "COMP_CWORD": "1"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "trainlab gra"},
    "fish": {"_TYPER_COMPLETE_ARGS": "trainlab gra", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


def run(home: Path, *arguments: str, **variables: str) -> str:
    # Without it the shell that runs the tests would be taken for the one that is named.
    environment = os.environ | {"HOME": str(home), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"} | variables
    done = subprocess.run(
        [sys.executable, "-m", "trainlab", *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("shell", PLACES)
def test_what_is_shown_is_what_is_installed(shell: str, tmp_path: Path) -> None:
    shown = run(tmp_path, "--show-completion", shell)
    assert f"_TRAINLAB_COMPLETE=complete_{shell}" in shown
    run(tmp_path, "--install-completion", shell)
    script, start = PLACES[shell]
    assert (tmp_path / script).read_text().strip() == shown.strip()
    if start is not None:
        assert Path(script).parts[0] in (tmp_path / start).read_text()


@pytest.mark.parametrize("shell", ASKED)
def test_a_shell_that_asks_is_answered(shell: str, tmp_path: Path) -> None:
    answer = run(tmp_path, _TRAINLAB_COMPLETE=f"complete_{shell}", **ASKED[shell])
    assert "gradients" in answer
    assert "overfit" not in answer
    assert ("Does the gradient reach every layer?" in answer) == (shell != "bash"), "bash shows words only"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(("line", "words"), [("trainlab lr", "lr-sweep"), ("trainlab check --fail", "--fail-on")])
def test_bash_itself(line: str, words: str, tmp_path: Path) -> None:
    program = tmp_path / "trainlab"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m trainlab "$@"\n')
    program.chmod(0o755)
    (tmp_path / "completion.sh").write_text(run(tmp_path, "--show-completion", "bash"))
    typed = line.split()
    code = (
        f"source completion.sh; COMP_WORDS=({' '.join(typed)}); COMP_CWORD={len(typed) - 1}; "
        'complete -p trainlab >/dev/null && _trainlab_completion trainlab && echo "${COMPREPLY[*]}"'
    )
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [words]
