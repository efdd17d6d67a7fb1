"""One line at the foot of a terminal, below whatever a script prints."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from trainlab.watch import Observer

REDRAW_SECONDS = 0.5


class StatusLine:
    """Keeps the last row of the terminal for itself: what the script prints scrolls above it, and overwrites nothing of it."""

    def __init__(self, stream: TextIO, *, show: bool) -> None:
        self._stream, self._show = stream, show and os.environ.get("TERM", "dumb") != "dumb"
        self._drawn = -math.inf
        self._rows = 0
        self._began = time.perf_counter()

    def show(self, observer: Observer) -> None:
        """Draw what is known now, twice a second at most."""
        now = time.perf_counter()
        if not self._show or now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        try:
            size = os.get_terminal_size(self._stream.fileno())
            text = describe(observer, now - self._began)[: size.columns - 1]
            if self._rows != size.lines:
                self._reserve(size.lines)
            self._write(f"\x1b7\x1b[{self._rows};1H\x1b[2K\x1b[2m{text}\x1b[0m\x1b8")
        except (OSError, ValueError):  # the script has closed it
            self._show, self._rows = False, 0

    def close(self) -> None:
        """Give the row back."""
        if self._rows:
            self._write(f"\x1b7\x1b[r\x1b[{self._rows};1H\x1b[2K\x1b8")
            self._rows = 0

    def _reserve(self, rows: int) -> None:
        """Scroll once, so that the cursor is not on the last row, and keep that row out of further scrolling."""
        self._write(f"\n\x1b7\x1b[1;{rows - 1}r\x1b8\x1b[1A")
        self._rows = rows

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def describe(observer: Observer, seconds: float) -> str:
    """`update 1,200, loss 0.3211, rate 0.01, 1.2 % overhead`, of the model that was looked at last."""
    record = max(observer.records, key=lambda each: each.round)
    parts = [f"update {record.steps:,}"]
    if record.losses and not math.isnan(record.losses[-1]):
        parts.append(f"loss {record.losses[-1]:.4g}")
    if record.rates and not math.isnan(record.rates[-1]):
        parts.append(f"rate {record.rates[-1]:.3g}")
    return "trainlab: " + ", ".join([*parts, f"{observer.guard.spent / seconds:.1%} overhead"])
