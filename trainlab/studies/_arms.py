"""Runs from arms and seeds, and back; what several studies read from a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trainlab.config import Config, apply_patch, name_patch
from trainlab.plan import Arm, Options, PlannedRun
from trainlab.report import Finding, Trace

MISTAKES = ("non-finite-data", "loss-mismatch", "output-mismatch", "loss-broadcast")  # rules: no rate and no clipping mends these
SEEDS = 3  # of a search, where none are asked for
HELD_BACK = 0.2  # of the samples, to choose by, where the config has no validation part


def plan_runs(
    arms: Sequence[Arm], seeds: Sequence[int], change: Callable[[Config], Config] = lambda config: config
) -> tuple[PlannedRun, ...]:
    """Every arm with every seed, the base first; `vs` has done its work and is left out."""
    return tuple(
        PlannedRun(name=arm.name, patch=arm.patch, config=change(replace(arm.config, seed=seed, vs=[], vary={})))
        for arm in arms
        for seed in seeds
    )


def make_arm(config: Config, patch: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> Arm:
    """The arm that `patch` makes of `config`, which is the base with the patch `beside`; named after both."""
    whole = {**(beside or {}), **patch}
    return Arm(name=name_patch(whole), patch=whole, config=apply_patch(config, dict(patch)).config)


def hold_back(config: Config) -> dict[str, Any]:
    """The patch that makes a validation part where there is none, and can be one."""
    return {"data.validation_fraction": HELD_BACK} if getattr(config.data, "validation_fraction", None) == 0 else {}


def list_seeds(options: Options, usual: int = SEEDS) -> tuple[int, ...]:
    """Those asked for; as many as usual where none are."""
    first = options.seeds[0]
    return options.seeds if options.seeds_given else tuple(range(first, first + usual))


def shorten(number: float, digits: int = 2) -> float:
    """A number with so many significant digits."""
    return float(f"{number:.{digits}g}")


def by_arm(traces: Sequence[Trace]) -> dict[str, list[Trace]]:
    """Traces by the name of their arm, in order; one a seed."""
    arms: dict[str, list[Trace]] = {}
    for trace in traces:
        arms.setdefault(trace.name, []).append(trace)
    return arms


def find_end(trace: Trace) -> float:
    """Median loss over the last tenth of the epochs; infinite for a run that left the finite numbers."""
    values = trace.series["loss"].values
    tail = values[-max(1, len(values) // 10) :]
    return float(np.median(tail)) if trace.nonfinite is None and np.isfinite(tail).all() else np.inf


def mean(traces: Sequence[Trace], name: str) -> float | None:
    """Of a metric over the runs; None if one has none."""
    values = [value for trace in traces if (value := trace.metrics.get(name)) is not None]
    return float(np.mean(values)) if values and len(values) == len(traces) else None


def find_median(epochs: Sequence[int | None]) -> float | None:
    """The median; None if a seed has none."""
    known = [epoch for epoch in epochs if epoch is not None]
    return drop_fraction(float(np.median(known))) if len(known) == len(epochs) else None


def draw_loss(traces: Sequence[Trace]) -> list[float] | None:
    """The median course of the loss over the runs; None if they are of different lengths."""
    losses = [trace.series["loss"].values for trace in traces]
    return np.median(losses, axis=0).tolist() if len({len(each) for each in losses}) == 1 else None


def count_held(findings: Sequence[Finding], run: str, codes: set[str]) -> int:
    """In how many seeds of a run one of these findings held, at least."""
    return max((each.seeds["held"] for each in findings if each.run == run and each.code in codes), default=0)


def say_seeds(word: str, held: int, of: int) -> str:
    """`diverged`, or `diverged in 2 of 3 seeds`."""
    return word if held >= of else f"{word} in {held} of {of} seeds"


def drop_fraction(value: float | None) -> float | None:
    """A median of whole numbers as a whole number where it is one: epoch 207, not 207.0."""
    return int(value) if value is not None and float(value).is_integer() else value
