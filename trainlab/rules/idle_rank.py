"""P004: a rank that makes no updates, or another number of them than the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._ranks import ALONE, list_ranks
from trainlab.rules._series import read_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleRank:
    """A rank makes no updates while the others train, or another number of them.

    What it finds:
        Processes of one job of which some made updates and some none: an error. And processes that ended by themselves after
        different numbers of updates: a warning. Where one was ended early their numbers are not compared.

    Why it matters:
        A rank without updates takes its share of the data and of the machine and gives nothing back; the weights that it holds
        are those of the beginning. Where the numbers differ the ranks with more wait for an answer that never comes, or train on
        by themselves.

    Evidence:
        `updates`: of each rank.

    See it:
            torchrun --nproc-per-node 2 -m trainlab watch train.py

    What to try:
        A sampler that gives every rank as many batches (`DistributedSampler`, `drop_last=True`), or the `join` context of
        DistributedDataParallel; and no `if rank == 0:` around the training.

    Sources:
        The PyTorch documentation (DistributedDataParallel, join).
    """

    code: ClassVar[str] = "P004"
    name: ClassVar[str] = "idle-rank"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()
    scope: ClassVar[Literal["script"]] = "script"

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:  # noqa: ARG002  # one signature for all rules
        """One process is no job of several."""
        yield Skipped(code=self.code, reason=ALONE)

    def judge_study(self, traces: Sequence[Trace]) -> Iterator[Finding | Skipped]:
        """One finding for the job."""
        ranks = list_ranks(traces)
        if not ranks:
            yield Skipped(code=self.code, reason=ALONE)
            return
        updates = {rank: sum(trace.updates for trace in own) for rank, own in ranks.items()}
        idle = [rank for rank, count in updates.items() if not count]
        evidence = {"updates": {str(rank): count for rank, count in updates.items()}}
        if not any(updates.values()):
            yield Skipped(code=self.code, reason="no rank made an update")
        elif idle:
            told = f"rank{'s' * (len(idle) > 1)} {', '.join(map(str, idle))} made no update"
            most = max(updates.values())
            yield Finding(
                code=self.code,
                name=self.name,
                severity="error",
                run=ranks[idle[0]][0].name,
                message=f"{told}, while the others made up to {most}; let every rank train",
                evidence=evidence,
            )
        elif len(set(updates.values())) > 1:
            if not all(read_metric(trace, "complete") > 0 for own in ranks.values() for trace in own):
                yield Skipped(code=self.code, reason="a rank was ended early, so the numbers of updates say nothing")
                return
            least = min(updates, key=lambda rank: updates[rank])
            yield Finding(
                code=self.code,
                name=self.name,
                severity="warning",
                run=ranks[least][0].name,
                message=f"rank {least} made {updates[least]} updates, others up to {max(updates.values())}; "
                "give every rank as many batches, or use join of DistributedDataParallel",
                evidence=evidence,
            )
