"""Clipping less, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch


class LooserClip:
    """No clipping; then a threshold a hundred times as high.

    A threshold that is always exceeded is a low learning rate in disguise; by value it turns the gradient; one that is
    never reached is of no use.
    """

    name: ClassVar[str] = "looser-clip"
    codes: ClassVar[tuple[str, ...]] = ("C001", "C003", "C005", "L002")
    reason: ClassVar[str] = "a threshold that is always exceeded is a low rate in disguise, one never reached is of no use"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:
        """See `Remedy`."""
        if config.clip.mode == "none":
            return
        yield {"clip.mode": "none"}
        if finding is None or finding.code != "C005":  # one that is never reached cannot be too low
            yield {"clip.threshold": float(f"{100 * config.clip.threshold:.3g}")}
