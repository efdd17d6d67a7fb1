"""Facts that all runs of a stack share, and the samples that they are taken from."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from trainlab.step import Batch, Evaluation, Objective, StoppedError


def repeat(facts: dict[str, float], runs: int) -> dict[str, Tensor]:
    """Each number as `[run]`."""
    return {name: torch.full((runs,), float(value), dtype=torch.float64) for name, value in facts.items()}


def visit(evaluation: Evaluation, measure: Callable[[Objective], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """What `measure` makes of the objective of each run, as one row a run; NaN for a run that nobody waited for."""
    found: list[Mapping[str, Tensor]] = []
    for run in range(len(evaluation.flat)):
        try:
            found.append(measure(evaluation.objective(run)))
        except StoppedError:
            found.append({})
    return gather(found)


def time_call(call: Callable[[], object]) -> float:
    """Seconds of the second call: the first one warms up."""
    call()
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def gather(found: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """What was measured of each run, as one row a run; NaN where a run has not what others have."""
    holes = {name: torch.full_like(each, torch.nan) for measured in found for name, each in measured.items()}
    return {name: torch.stack([each.get(name, hole) for each in found]) for name, hole in holes.items()}


def spread_samples(part: Batch, count: int) -> Batch:
    """At most `count` of the samples, evenly spread over the part."""
    taken = min(len(part.inputs), count)
    chosen = (torch.arange(taken) * (len(part.inputs) - 1) // max(taken - 1, 1)).to(part.inputs.device)
    return Batch(inputs=part.inputs[chosen], target=None if part.target is None else part.target[chosen])


def draw_samples(part: Batch, count: int) -> Batch:
    """At most `count` of the samples, in a random order that is always the same."""
    order = torch.randperm(len(part.inputs), generator=torch.Generator().manual_seed(0))[:count].to(part.inputs.device)
    return Batch(inputs=part.inputs[order], target=None if part.target is None else part.target[order])
