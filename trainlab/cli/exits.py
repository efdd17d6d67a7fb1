"""What the process exits with."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    CLEAN = 0
    """Judged; nothing at or above `--fail-on`."""
    FOUND = 1
    """Findings at or above `--fail-on`."""
    USAGE = 2
    """A bad option, config or file: one message, no traceback."""
    BUG = 3
    """Our bug: the traceback is in a file, with versions."""
    NOT_JUDGED = 4
    """Nothing could be judged: silence must not look clean."""
    INTERRUPTED = 130
    """Ctrl-C: what was measured so far is still reported."""
    TERMINATED = 143
    """SIGTERM: likewise."""
