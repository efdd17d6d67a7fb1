"""Runs from arms and seeds, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from trainlab.config import Config, apply_patch, name_patch
from trainlab.plan import Arm, Options, PlannedRun
from trainlab.report import Trace


def plan_runs(
    arms: Sequence[Arm], seeds: Sequence[int], change: Callable[[Config], Config] = lambda config: config
) -> tuple[PlannedRun, ...]:
    """Every arm with every seed, the base first; `vs` has done its work and is left out."""
    return tuple(
        PlannedRun(name=arm.name, patch=arm.patch, config=change(replace(arm.config, seed=seed, vs=[])))
        for arm in arms
        for seed in seeds
    )


def make_arm(config: Config, patch: Mapping[str, Any], name: str | None = None) -> Arm:
    """The arm that `patch` makes of `config`, named after the patch."""
    return Arm(name=name or name_patch(dict(patch)), patch=dict(patch), config=apply_patch(config, dict(patch)).config)


def list_arms(config: Config, options: Options) -> list[Arm]:
    """The base and what runs beside it: each `--vs`, or, where there is none, each change in the config's `vs` section."""
    return [*options.arms, *(make_arm(config, patch) for patch in config.vs)] if len(options.arms) == 1 else list(options.arms)


def by_arm(traces: Sequence[Trace]) -> dict[str, list[Trace]]:
    """Traces by the name of their arm, in order; one a seed."""
    arms: dict[str, list[Trace]] = {}
    for trace in traces:
        arms.setdefault(trace.name, []).append(trace)
    return arms
