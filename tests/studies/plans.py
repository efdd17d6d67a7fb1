"""Plans and traces without any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.rules.traces import make_trace
from trainlab.config import Config, apply_patch, name_patch
from trainlab.plan import Arm, Conclusion, Options, Plan
from trainlab.report import Finding, Trace


def make_options(config: Config, *patches: Mapping[str, Any], seeds: Sequence[int] = (0,), **chosen: Any) -> Options:
    arms = [Arm(name="base", patch={}, config=config)]
    arms += [Arm(name=name_patch(patch), patch=patch, config=apply_patch(config, dict(patch)).config) for patch in patches]
    return Options(arms=tuple(arms), seeds=tuple(seeds), chosen=chosen)


def list_runs(plan: Plan) -> list[tuple[str, Mapping[str, Any], int]]:
    return [(run.name, run.patch, run.config.seed) for run in plan.runs]


def make_run(
    name: str, patch: Mapping[str, Any] | None = None, *, seed: int = 0, config: Config | None = None, **fields: Any
) -> Trace:
    """A trace of a run that differs from `config` by `patch`."""
    trace = make_trace(**fields)
    patch = dict(patch or {})
    whole = apply_patch(config or trace.config, patch).config
    return replace(trace, name=name, patch=patch, seed=seed, config=replace(whole, seed=seed))


def make_finding(code: str, run: str = "base", *, held: int = 1, of: int = 1, **fields: Any) -> Finding:
    given = {"name": code.lower(), "severity": "error", "message": f"what {code} says; try something"}
    return Finding(code=code, run=run, seeds={"held": held, "of": of}, **{**given, **fields})


def read_rows(conclusion: Conclusion, name: str) -> list[dict[str, Any]]:
    table = next(each for each in conclusion.tables if each.name == name)
    return [dict(zip([column.name for column in table.columns], row, strict=True)) for row in table.rows]
