"""Progress on a terminal's stderr, and the wish to stop."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainlab.engine import Progress

QUIET_SECONDS = 1.0
REDRAW_SECONDS = 0.1


class Watcher:
    """Listens to the engine: draws a bar once a second has passed, and passes on Ctrl-C and SIGTERM.

    Attributes:
        signal: the signal that asked to stop, or None.
    """

    def __init__(self, *, show: bool) -> None:
        self.signal: int | None = None
        self._show = show
        self._began = self._drawn = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, progress: Progress) -> bool:
        """Draw if it is time to; False if training is to stop."""
        now = time.monotonic()
        if self._show and now - self._began > QUIET_SECONDS and now - self._drawn > REDRAW_SECONDS:
            self._drawn = now
            self._draw(progress)
        return self.signal is None

    def _draw(self, progress: Progress) -> None:
        done = f"{progress.runs_done:,}/{progress.runs:,} runs, {progress.epochs_done:,}/{progress.epochs:,} epochs"
        if progress.looking:
            done += f", measuring {progress.looking.replace('-', ' ')}"
        elif progress.best is not None:
            done += f", best loss {progress.best:.4g}"
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(None),
                TextColumn("{task.percentage:3.0f} %"),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(done, total=progress.updates)
        self._bar.update(self._task, completed=progress.updates_done, total=progress.updates, description=done)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler. A second signal of the same kind ends the process at once."""
        self.signal = number
        signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def watch(*, quiet: bool) -> Iterator[Watcher]:
    """A Watcher with the signal handlers in place while the block runs."""
    watcher = Watcher(show=not quiet and sys.stderr.isatty())
    old = {}
    with contextlib.suppress(ValueError):  # not the main thread: whoever runs us there handles signals
        old = {number: signal.signal(number, watcher.ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield watcher
    finally:
        watcher.close()
        for number, handler in old.items():
            signal.signal(number, handler)
