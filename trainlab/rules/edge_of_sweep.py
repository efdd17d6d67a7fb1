"""L006: the best learning rate of a sweep is the lowest or the highest that was tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._course import find_end
from trainlab.rules._series import read, say, say_count

KEY = "optimizer.lr"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeOfSweep:
    """The best rate lies on the edge of those tried: a better one may lie beyond.

    What it finds:
        Among runs that differ in the learning rate alone, the lowest loss at the end (median of the final tenth of the epochs,
        and over seeds) at the first or at the last rate, and lower than at its neighbour by more than a share of the fall.
        Where the neighbour is as good, the band is in view and the edge is none.

    Why it matters:
        A sweep that ends where the loss still falls recommends its own limit, not the network's.

    Evidence:
        `best`: the rate. `side`: `lowest` or `highest`. `loss`, `neighbour`: the loss at the end there and at the rate next to it.
        `rates`: how many were tried.

    See it:
        `trainlab lr-sweep --lr 1e-5,1e-4,1e-3`: the loss is still falling from rate to rate at the last of them.

    What to try:
        More rates on that side. Without `--lr`, lr-sweep extends its grid by itself.

    Sources:
        Google's Deep Learning Tuning Playbook (2023), on the edges of a search space.

    Attributes:
        share: of the fall from the first loss to the lowest; a smaller difference from the neighbour is none.
        min_rates: fewer are no sweep.
    """

    code: ClassVar[str] = "L006"
    name: ClassVar[str] = "edge-of-sweep"
    needs: ClassVar[tuple[str, ...]] = ("loss",)
    causes: ClassVar[tuple[str, ...]] = ()
    share: float = 0.02
    min_rates: int = 3

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:  # noqa: ARG002  # one signature for all rules
        """One run is no sweep."""
        yield Skipped(code=self.code, reason="one run is no sweep")

    def judge_study(self, traces: Sequence[Trace]) -> Iterator[Finding | Skipped]:
        """One finding for each arm whose best rate lies on the edge."""
        arms: dict[tuple[tuple[str, str], ...], list[Trace]] = {}
        for trace in traces:
            rest = tuple(sorted((key, repr(value)) for key, value in trace.patch.items() if key != KEY))
            arms.setdefault(rest, []).append(trace)
        for arm in arms.values():
            yield from self._judge_arm(arm)

    def _judge_arm(self, arm: Sequence[Trace]) -> Iterator[Finding | Skipped]:
        by_rate: dict[float, list[Trace]] = {}
        for trace in sorted(arm, key=lambda each: each.config.optimizer.lr):
            by_rate.setdefault(trace.config.optimizer.lr, []).append(trace)
        rates = list(by_rate)
        if len(rates) < self.min_rates:
            reason = f"{say_count(len(rates), 'rate')} cannot have an edge (at least {self.min_rates:g})"
            yield Skipped(code=self.code, run=arm[0].name, reason=reason)
            return
        ends = [float(np.median([_find_end(trace) for trace in each])) for each in by_rate.values()]
        best = int(np.argmin(ends))
        start = float(np.median([read(trace, "loss")[0] for trace in by_rate[rates[0]]]))
        if best not in (0, len(rates) - 1) or not np.isfinite(ends[best]) or not start > ends[best]:
            return
        neighbour = ends[1 if best == 0 else best - 1]
        if neighbour - ends[best] <= self.share * (start - ends[best]):
            return
        side = "lowest" if best == 0 else "highest"
        evidence: dict[str, Any] = {
            "best": rates[best],
            "side": side,
            "loss": ends[best],
            "neighbour": neighbour if np.isfinite(neighbour) else None,
            "rates": len(rates),
        }
        yield Finding(
            code=self.code,
            name=self.name,
            severity="info",
            run=by_rate[rates[best]][0].name,
            message=f"the best of {len(rates)} rates, {say(rates[best])}, is the {side} tried: the loss ends at {say(ends[best])}, "
            f"next to {say(neighbour)} at the rate beside it; try {'lower' if best == 0 else 'higher'} ones",
            evidence=evidence,
        )


def _find_end(trace: Trace) -> float:
    loss = read(trace, "loss")
    end = find_end(loss) if trace.nonfinite is None and len(loss) else np.inf
    return end if np.isfinite(end) else np.inf
