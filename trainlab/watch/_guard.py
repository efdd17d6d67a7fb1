"""Keeps looking apart from the script: counts what it costs, and lets nothing that goes wrong in it reach the script."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Guard:
    """Whether and at what cost there is looking.

    Attributes:
        trouble: why looking was given up; empty while all is well.
        spent: seconds that it took.
        busy: it is going on right now.
    """

    trouble: str = ""
    spent: float = 0.0
    busy: bool = False

    def is_idle(self) -> bool:
        """Nothing is to be looked at: torch compiles what it runs, looking is at work itself, or it was given up."""
        import torch

        return torch.compiler.is_compiling() or self.busy or bool(self.trouble)

    @contextmanager
    def look(self) -> Iterator[None]:
        """What is done in here costs time that is counted, and never fails the script."""
        began, self.busy = time.perf_counter(), True
        try:
            yield
        except Exception as error:  # whatever goes wrong in here is our fault, not the script's
            self.trouble = f"{type(error).__name__}: {error}"
        finally:
            self.busy = False
            self.spent += time.perf_counter() - began
