"""The mean prediction of a group of runs as one more entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from trainlab.plan import Group
from trainlab.report import Number, Trace


def average(groups: Sequence[Group], traces: Sequence[Trace]) -> Iterator[Trace]:
    """Yield one entry for each group and seed (and fold) of which every member was measured.

    It has the accuracy, or R2, of the mean of what the members say of the training part as it was before they drew from it, and of
    the test part; and which samples are right. It was not trained itself: it has no series and no parameters.
    """
    for group in groups:
        cast = [trace for trace in traces if trace.name in group.members and "test-votes" in trace.arrays]
        keys = dict.fromkeys((trace.seed, getattr(trace.config.data, "fold", 0)) for trace in cast)
        for key in keys:
            members = [trace for trace in cast if (trace.seed, getattr(trace.config.data, "fold", 0)) == key]
            if len(members) == len(group.members):
                yield _average(group, members)


def _average(group: Group, members: Sequence[Trace]) -> Trace:
    first = members[0]
    arrays: dict[str, np.ndarray] = {}
    metrics: dict[str, Number] = {}
    for part in ("train", "test"):
        if f"{part}-votes" not in first.arrays:
            continue
        mean = np.mean([member.arrays[f"{part}-votes"] for member in members], axis=0)
        target = first.arrays[f"{part}-target"]
        if first.task == "regression":
            name, kind, scores = f"{part}_r2", f"{part}-fit", _fit(mean, target)
        else:
            name, kind, scores = f"{part}_accuracy", f"{part}-correct", (mean.argmax(axis=1) == target).astype(float)
            scores[~np.isfinite(mean).all(axis=1)] = np.nan  # a member of NaN leaves no opinion
        arrays[kind] = scores
        value = float(scores.mean())
        metrics[name] = value if np.isfinite(value) else None
    return replace(
        first,
        name=group.name,
        patch={},
        parameters=(),
        modules=(),
        series={},
        arrays=arrays,
        metrics=metrics,
        updates=sum(member.updates for member in members),
        planned=sum(member.planned for member in members),
        best_epoch=None,
        stopped=None,
        how=f"the mean prediction of {len(members)} runs",
    )


def _fit(mean: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`[sample]`: what each sample adds to R2, see `trainlab.probes.accuracy`."""
    error = np.square(mean - target).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # one sample, or the same target for all, has no R2
        found: np.ndarray = 1 - error * len(target) / np.square(target - target.mean(axis=0)).sum()
    return found
