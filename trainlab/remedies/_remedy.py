"""What every remedy is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Protocol

from trainlab.config import Config
from trainlab.report import Finding, Patch


class Remedy(Protocol):
    """Changes of a config that may mend a finding. A remedy proposes; whether it helps is measured.

    Attributes:
        name: the file's name.
        codes: of the findings that it may mend, those it fits best first: the remedy that fits best is tried first.
        reason: why it may, in one sentence.
    """

    name: ClassVar[str]
    codes: ClassVar[tuple[str, ...]]
    reason: ClassVar[str]

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:
        """Yield patches of the base, the likeliest strength first; nothing where the remedy does not apply or is in use already.

        Args:
            config: the base.
            finding: what is to be mended; None where it is tried whatever was found.
        """
        ...
