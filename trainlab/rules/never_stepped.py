"""M010: an optimizer or a scheduler that is made and never stepped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from trainlab.report import Finding, Skipped, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverStepped:
    """An optimizer or a scheduler is made and never stepped.

    What it finds:
        Optimizers and learning rate schedulers that the script made and that were not stepped once until it ended. Schedulers
        inside a sequential or chained one are stepped by it and not counted. A script that was ended early is not judged: a
        scheduler that is stepped once an epoch may not have had its turn.

    Why it matters:
        Without its step a scheduler leaves the rate where it began, and an optimizer its parameters; neither says so.

    Evidence:
        `idle`: class, file and line of each.

    See it:
            trainlab watch -m trainlab.watch.example --mistake never-stepped

    What to try:
        Call `scheduler.step()` where its documentation says: once an epoch for most, once an update for a one-cycle or a warm-up.
        Remove what is not used.

    Sources:
        The PyTorch documentation (torch.optim, how to adjust learning rate).
    """

    code: ClassVar[str] = "M010"
    name: ClassVar[str] = "never-stepped"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["script"]] = "script"

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        if "never-stepped" not in trace.arrays:
            yield Skipped(code=self.code, reason="the script did not run to its end")
            return
        idle = [str(each) for each in trace.arrays["never-stepped"]]
        if idle:
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                message=f"made and never stepped: {', '.join(idle)}; call its step(), or remove it",
                evidence={"idle": idle},
            )
