"""C002: rare giant gradients, or a run that only clipping keeps alive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import read, say, say_count

AROUND = 51  # updates whose median a norm is measured by: a gradient that fades as the training goes on has no tail for that
GUARD = 0.9  # the quantile of the norms to clip at where the run survives


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippingNeeded:
    """A few giant gradients decide where the weights go, or the run only survives clipped.

    What it finds:
        In a run that does not clip: updates whose gradient is many times as long as those around it, in more than a small share of
        all. Or, where the study also tried to clip by norm: a run that dies unclipped and survives clipped in every seed.

    Why it matters:
        A step is as long as its gradient. One that is a hundred times the usual undoes a hundred others, and the next one may throw
        the weights where nothing leads back. Clipping by norm bounds the step and keeps its direction.

    Evidence:
        `threshold`: the norm to clip at. That is the 90th percentile of the unclipped norms where the run survives; where it dies,
        the largest threshold tried at which every seed survives. `share`: of the updates that stand out, `largest`: the most that
        one stands out by, as a multiple of the median around it; both null where the run dies. `died`, `of`: seeds.

    See it:
            trainlab clip --set clip=none --threshold 100

        Unclipped the run is dead at update `3`; clipped by norm at `100` it trains.

    What to try:
        Clip by norm at the threshold given. Look at the samples of those batches first: clipping hides faulty data as well as it
        guards against them. If more than half of the updates would be clipped, lower the learning rate instead.

    Sources:
        Pascanu, Mikolov & Bengio 2013; Zhang et al. 2020 (Why Are Adaptive Methods Good for Attention Models?); Google's Deep
        Learning Tuning Playbook (2023).

    Attributes:
        times: an update stands out that is longer than this many times the median of those around it; at exactly this, not.
        share: fires above this share of updates that stand out; at exactly this, not.
        min_updates: fewer show no tail.
    """

    code: ClassVar[str] = "C002"
    name: ClassVar[str] = "clipping-needed"
    needs: ClassVar[tuple[str, ...]] = ("loss", "total-norm")
    causes: ClassVar[tuple[str, ...]] = ()
    times: float = 10.0
    share: float = 0.01
    min_updates: int = 100

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:  # noqa: ARG002  # one signature for all rules
        """What clipping would do shows in its seeds together, and next to those that clip."""
        yield Skipped(code=self.code, reason="judged over the seeds of a run together")

    def judge_study(self, traces: Sequence[Trace]) -> Iterator[Finding | Skipped]:
        """One finding for each run that does not clip."""
        arms: dict[tuple[tuple[str, str], ...], dict[str, list[Trace]]] = {}
        for trace in traces:
            rest = tuple(sorted((key, repr(value)) for key, value in trace.patch.items() if not key.startswith("clip.")))
            arms.setdefault(rest, {}).setdefault(trace.name, []).append(trace)
        verdicts: list[Finding | Skipped] = []
        for ways in arms.values():
            clipped = [runs for runs in ways.values() if runs[0].config.clip.mode == "norm"]
            for runs in ways.values():
                if runs[0].config.clip.mode == "none":
                    verdicts += self._judge_dead(runs, clipped) if any(map(_is_dead, runs)) else self._judge_tail(runs)
        found = [each for each in verdicts if isinstance(each, Finding)]
        yield from found or verdicts

    def _judge_dead(self, runs: Sequence[Trace], clipped: Sequence[Sequence[Trace]]) -> Iterator[Finding | Skipped]:
        died, name = sum(map(_is_dead, runs)), runs[0].name
        saved = [runs[0].config.clip.threshold for runs in clipped if not any(map(_is_dead, runs))]  # type: ignore[union-attr]  # they clip
        if not saved:
            reason = "no threshold at which every seed survives was tried" if clipped else "it dies, and was not tried clipped"
            yield Skipped(code=self.code, run=name, reason=reason)
            return
        yield Finding(
            code=self.code,
            name=self.name,
            severity="warning",
            run=name,
            message=f"unclipped it dies in {died} of {say_count(len(runs), 'seed')}; clipped by norm at {say(max(saved))}, the "
            "largest threshold tried at which every seed survives, it does not",
            evidence={"threshold": max(saved), "share": None, "largest": None, "died": died, "of": len(runs)},
        )

    def _judge_tail(self, runs: Sequence[Trace]) -> Iterator[Finding | Skipped]:
        known = [norms[np.isfinite(norms)] for norms in (read(trace, "total-norm") for trace in runs)]
        fewest = min(map(len, known))
        if fewest < self.min_updates:
            reason = f"{say_count(fewest, 'update')} cannot show how rare a giant gradient is (at least {self.min_updates:g})"
            yield Skipped(code=self.code, run=runs[0].name, reason=reason)
            return
        heights = np.concatenate([_measure_heights(norms) for norms in known])
        share = float(np.mean(heights > self.times))
        if share <= self.share:
            return
        threshold = float(np.quantile(np.concatenate(known), GUARD))
        yield Finding(
            code=self.code,
            name=self.name,
            severity="info",
            run=runs[0].name,
            message=f"{share:.1%} of {len(heights)} updates (limit {self.share:.0%}) have a gradient more than {say(self.times)} "
            f"times as long as those around them, {say(float(heights.max()))} times at most; look at those batches, or clip "
            f"by norm at {say(threshold)}",
            evidence={"threshold": threshold, "share": share, "largest": float(heights.max()), "died": 0, "of": len(runs)},
        )


def _is_dead(trace: Trace) -> bool:
    """It left the finite numbers, or ends above where it began."""
    loss = read(trace, "loss")
    return trace.nonfinite is not None or (len(loss) > 1 and not loss[-max(1, len(loss) // 10) :].max() <= loss[0])


def _measure_heights(norms: np.ndarray) -> np.ndarray:
    """Each norm over the median of those around it; 0 where that is 0."""
    half = min(AROUND, len(norms)) // 2
    padded = np.pad(norms, half, mode="reflect") if half else norms
    levels = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    heights: np.ndarray = np.divide(norms, levels, out=np.zeros_like(norms), where=levels > 0)
    return heights
