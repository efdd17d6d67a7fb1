"""Keeps looking apart from the script: counts what it costs, and lets nothing that goes wrong in it reach the script."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self


@dataclass(slots=True)
class Guard:
    """Whether and at what cost there is looking.

    Attributes:
        trouble: why looking was given up; empty while all is well.
        spent: seconds that it took.
        busy: it is going on right now.
        ended: watching is over; what the program has laid over what we had laid may still call us.
    """

    trouble: str = ""
    spent: float = 0.0
    busy: bool = False
    ended: bool = False
    _began: float = 0.0

    def is_idle(self) -> bool:
        """Nothing is to be looked at: torch compiles what it runs, looking is at work itself, was given up or is over."""
        import torch

        return torch.compiler.is_compiling() or self.busy or self.ended or bool(self.trouble)

    def look(self) -> Self:
        """A context: what is done in it costs time that is counted, and never fails the script."""
        return self

    def __enter__(self) -> None:
        self._began, self.busy = time.perf_counter(), True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        self.busy = False
        self.spent += time.perf_counter() - self._began
        if not isinstance(error, Exception):
            return False
        self.trouble = f"{type(error).__name__}: {error}"  # whatever went wrong in there is our fault, not the script's
        return True
