"""The gradient on its way back through time: how much of it gets to each step of a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trainlab.report import Answer, Column, Table, Trace

LIMIT = 1e-3  # of what the step that gets most gets, as for the first layer of a deep network
HUNDREDTH = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How the gradient fares on its way back, the median of the seeds.

    Attributes:
        norms: `[step]`, from the first step to the last.
        ratio: what the first step gets, of what the last gets; None where that is nothing.
        factor: geometric mean of what a step passes back, over the steps that get any.
        steps: steps from the end that still get a hundredth of what the last gets.
        verdict: in a word.
    """

    norms: np.ndarray
    ratio: float | None
    factor: float | None
    steps: int
    verdict: str


def find_reach(arm: Sequence[Trace]) -> Reach | None:
    """None where nothing was measured: the network takes no sequences."""
    measured = [trace.arrays["step-gradients"] for trace in arm if "step-gradients" in trace.arrays]
    if not measured:
        return None
    norms = np.median(measured, axis=0)
    if not np.isfinite(norms).all():
        return Reach(norms=norms, ratio=None, factor=None, steps=0, verdict="not finite")
    first, last = float(norms[0]), float(norms[-1])
    ratio = first / last if last > 0 else None
    heard = np.flatnonzero(norms > 0)
    apart = int(heard[-1] - heard[0]) if len(heard) else 0
    factor = float((norms[heard[0]] / norms[heard[-1]]) ** (1 / apart)) if apart else None
    faint = np.flatnonzero(norms < HUNDREDTH * last)
    steps = len(norms) - (int(faint[-1]) + 1 if len(faint) else 0)
    verdict = "no gradient" if ratio is None else "vanishing" if ratio < LIMIT else "exploding" if ratio > 1 / LIMIT else "ok"
    return Reach(norms=norms, ratio=ratio, factor=factor, steps=steps, verdict=verdict)


def tabulate_steps(arms: Mapping[str, Sequence[Trace]]) -> list[Table]:
    """One row an arm whose network takes sequences."""
    found = {name: reach for name, arm in arms.items() if (reach := find_reach(arm)) is not None}
    if not found:
        return []
    return [
        Table(
            name="steps",
            title="over time: gradient of the loss at what enters at each step",
            columns=(
                Column(name="run"),
                Column(name="steps", kind="number", priority=2),
                Column(name="first", kind="number", priority=1),
                Column(name="last", kind="number", priority=1),
                Column(name="first/last", kind="number"),
                Column(name="a step", kind="number"),
                Column(name="reaches back", kind="number"),
                Column(name="first to last", kind="strip"),
                Column(name="verdict", kind="verdict"),
            ),
            rows=tuple(
                (
                    name,
                    len(each.norms),
                    float(each.norms[0]),
                    float(each.norms[-1]),
                    each.ratio,
                    each.factor,
                    each.steps,
                    each.norms.tolist(),
                    each.verdict,
                )
                for name, each in found.items()
            ),
        )
    ]


def tell_steps(arms: Mapping[str, Sequence[Trace]], answer: Answer) -> Answer:
    """The answer, and behind it how the base fares over time."""
    reach = find_reach(next(iter(arms.values())))
    if reach is None or reach.ratio is None or reach.factor is None:
        return answer
    count = len(reach.norms)
    gets = f"step 1 gets {reach.ratio:.3g} of what step {count} gets, {reach.factor:.3g} a step"
    text = {
        "vanishing": f" Over time it vanishes: {gets}; {reach.steps} of {count} steps get a hundredth.",
        "exploding": f" Over time it explodes: {gets}.",
    }.get(reach.verdict, f" Over time it reaches every step: {gets}.")
    first_to_last = {"ratio": reach.ratio, "factor": reach.factor, "reaches_back": reach.steps, "verdict": reach.verdict}
    return replace(answer, text=answer.text + text, values={**answer.values, "steps": first_to_last})
