"""A terminal for commands under test: 80 columns, what a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios


def run_in_terminal(arguments: list[str], columns: int = 80, *, color: bool = False) -> tuple[int, str]:
    """Run `trainlab ARGUMENTS` with its stdout on a terminal of `columns`.

    Returns:
        The exit code, and stdout and stderr as text; stderr is a pipe, so there is no progress, but for `watch`, whose report goes
        there: that has both on a terminal that knows no line of status.
    """
    watching = arguments[0] == "watch"
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    other = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR")
    environment = {name: value for name, value in os.environ.items() if name not in other} | ({} if color else {"NO_COLOR": "1"})
    process = subprocess.Popen(
        [sys.executable, "-m", "trainlab", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower if watching else subprocess.PIPE,
        env=environment | {"TERM": "dumb" if watching else "xterm-256color", "PYTHONIOENCODING": "utf-8"},
    )
    os.close(follower)
    parts = []
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(leader)
    errors = ""
    if process.stderr is not None:
        errors = process.stderr.read().decode()
        process.stderr.close()
    return process.wait(), b"".join(parts).decode().replace("\r\n", "\n") + errors
