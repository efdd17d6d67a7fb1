"""Public repositories at pinned commits, fetched when a test asks for them; no file of theirs is kept here."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MINGPT = (
    "https://github.com/karpathy/minGPT",
    "37baab71b9abea1b76ab957409a1cc2fbfba8a26",
    ("/mingpt/*.py", "/projects/adder/*.py"),
)
EXAMPLES = (
    "https://github.com/pytorch/examples",
    "77f55b912142e11fcfdf5b530231fb9c52f181e8",
    ("/regression/*.py", "/time_sequence_prediction/*.py", "/word_language_model/*.py"),
)


@functools.cache
def fetch(address: str, commit: str, files: tuple[str, ...]) -> Path:
    """These files of one commit, in the environment that the tests run in; skips the test where they cannot be had."""
    folder = Path(sys.prefix) / "fetched" / f"{address.rpartition('/')[2]}-{commit[:12]}"
    if not (folder / ".complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for line in (
            ("init", "--quiet"),
            ("remote", "add", "origin", address),
            ("config", "remote.origin.promisor", "true"),
            ("sparse-checkout", "set", "--no-cone", *files),
            ("fetch", "--quiet", "--depth", "1", "--filter=blob:none", "origin", commit),
            ("checkout", "--quiet", "FETCH_HEAD"),
        ):
            _git(folder, *line)
        (folder / ".complete").touch()
    return folder


def _git(folder: Path, *arguments: str) -> None:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        line = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120, env=environment)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"cannot be fetched: {error}")
    if done.returncode:
        pytest.skip(f"cannot be fetched: {' '.join(done.stderr.split()) or 'git failed'}")
