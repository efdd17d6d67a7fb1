"""What every rule is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Protocol, runtime_checkable

from trainlab.report import Finding, Skipped, Trace


class Rule(Protocol):
    """A verdict on one run.

    Attributes:
        code: never reused; the letter is the family.
        name: the file's name.
        needs: names of the probes whose measurements it reads.
        causes: codes of the findings that this one can be a consequence of, the likeliest first. A finding whose cause was found in
            the same run is told below it, and does not count beside it.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    causes: ClassVar[tuple[str, ...]]

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """Yield what is wrong, nothing if all is well, or a Skipped with the reason if the trace cannot tell."""
        ...


@runtime_checkable
class StudyRule(Rule, Protocol):
    """A verdict on all runs of a study next to each other; on a single one it is Skipped."""

    def judge_study(self, traces: Sequence[Trace]) -> Iterator[Finding | Skipped]:
        """As `judge`; findings name the run that they are about."""
        ...
