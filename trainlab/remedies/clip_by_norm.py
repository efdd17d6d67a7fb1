"""Clipping by norm."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class ClipByNorm:
    """The gradient is cut at a length: its direction stays, a rare giant does no harm.

    By value it would be turned, so a threshold by value is replaced. Where the norm of a typical gradient was measured, the
    threshold is twice that, else 1.
    """

    name: ClassVar[str] = "clip-by-norm"
    codes: ClassVar[tuple[str, ...]] = ("G002", "G009", "L003", "L007", "C003", "D005", "G006", "L008")
    reason: ClassVar[str] = "a rare giant step is shortened, and its direction stays"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:
        """See `Remedy`."""
        if config.clip.mode == "norm":
            return
        median = finding.evidence.get("median") if finding is not None and finding.code == "G009" else None
        typical = [2 * median] if isinstance(median, float) and 0 < median < math.inf else []
        for threshold in dict.fromkeys([*typical, 1.0, 0.1]):
            yield {"clip": {"mode": "norm", "threshold": float(f"{threshold:.2g}")}}
