from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import broken, make_trace
from trainlab.judging import judge
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules.edge_of_sweep import EdgeOfSweep


def make_rates(ends: dict[float, float], arm: dict[str, Any] | None = None, seed: int = 0) -> list[Trace]:
    """Runs that fall from 10 to these losses; NaN is a run that broke off."""
    traces = []
    for lr, end in ends.items():
        patch = {**(arm or {}), "optimizer.lr": lr}
        name = ",".join(f"{key}={value}" for key, value in patch.items())
        dead = {"nonfinite": broken()} if np.isnan(end) else {}
        loss = np.linspace(10, end, 50)
        traces.append(replace(make_trace(loss=loss, lr=lr, **dead), name=name, patch=patch, seed=seed))
    return traces


def find(traces: list[Trace], **thresholds: Any) -> list[Finding | Skipped]:
    return list(EdgeOfSweep(**thresholds).judge_study(traces))


@pytest.mark.parametrize(("ends", "best", "side"), [((1.0, 5.0, 9.0), 0.01, "lowest"), ((9.0, 5.0, 1.0), 1.0, "highest")])
def test_fires_on_either_edge(ends: tuple[float, ...], best: float, side: str) -> None:
    (found,) = find(make_rates(dict(zip((0.01, 0.1, 1.0), ends, strict=True))))
    assert isinstance(found, Finding)
    assert (found.severity, found.run) == ("info", f"optimizer.lr={best}")
    assert (found.evidence["best"], found.evidence["side"]) == (best, side)


@pytest.mark.parametrize("ends", [(5.0, 1.0, 9.0), (9.0, 1.05, 1.0), (9.0, 1.0, np.nan), (10.0, 10.0, 10.0)])
def test_silent_where_the_best_lies_inside_or_its_neighbour_is_as_good(ends: tuple[float, ...]) -> None:
    assert find(make_rates(dict(zip((0.01, 0.1, 1.0), ends, strict=True)))) == []


def test_each_arm_for_itself_and_medians_over_seeds() -> None:
    inside = [trace for seed in range(3) for trace in make_rates({0.01: 5.0, 0.1: 1.0 + seed, 1.0: 4.0 - seed}, seed=seed)]
    edge = make_rates({0.01: 9.0, 0.1: 5.0, 1.0: 1.0}, {"optimizer.name": "adam"})
    (found,) = find(inside + edge)
    assert isinstance(found, Finding)
    assert found.run == "optimizer.name=adam,optimizer.lr=1.0"


def test_two_rates_are_no_sweep() -> None:
    (found,) = find(make_rates({0.01: 5.0, 0.1: 1.0}))
    assert isinstance(found, Skipped)
    assert "2 rates" in found.reason


def test_the_judge_asks_it_once_for_all_runs() -> None:
    findings, skipped, judged = judge([EdgeOfSweep()], make_rates({0.01: 9.0, 0.1: 5.0, 1.0: 1.0}), {"L006"})
    assert [each.code for each in findings] == ["L006"]
    assert (skipped, judged) == ([], 1)
    findings, skipped, judged = judge([EdgeOfSweep()], make_rates({0.01: 9.0}), {"L006"})
    assert (findings, judged) == ([], 0)
    assert [each.code for each in skipped] == ["L006"]
