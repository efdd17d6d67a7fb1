from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import SCALES, broken, make_trace, rescale
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules.clipping_needed import ClippingNeeded

RULE = ClippingNeeded()
CALM = np.full(200, 2.0)


def stick_out(count: int, times: float, updates: int = 200) -> np.ndarray:
    """Norms of 2, of which `count` are `times` as long."""
    norms = np.full(updates, 2.0)
    norms[5 : 5 + 7 * count : 7] *= times
    return norms


def make_run(norms: Any, *, clip: str = "none", threshold: float = 1.0, seed: int = 0, **fields: Any) -> Trace:
    patch = {} if clip == "none" else {"clip.mode": clip, "clip.threshold": threshold}
    trace = make_trace(total=norms, used=norms, clip=clip, threshold=threshold, loss=np.linspace(10, 1, 20), **fields)
    return replace(trace, patch=patch, name=str(patch) if patch else "base", seed=seed)


def die(**options: Any) -> Trace:
    return make_run([1.0, np.inf], nonfinite=broken(update=2), **options)


def judge(*traces: Trace, rule: ClippingNeeded = RULE) -> list[Finding | Skipped]:
    return list(rule.judge_study(traces))


def find(*traces: Trace) -> Finding:
    (found,) = judge(*traces)
    assert isinstance(found, Finding)
    return found


def test_a_few_gradients_stand_far_out() -> None:
    found = find(make_run(stick_out(6, 20.0)))
    assert (found.severity, found.run) == ("info", "base")
    assert found.evidence == {"threshold": 2.0, "share": 0.03, "largest": 20.0, "died": 0, "of": 1}
    assert "3.0% of 200 updates (limit 1%)" in found.message
    assert "20 times at most" in found.message
    assert "clip by norm at 2" in found.message


def test_at_the_limits() -> None:
    assert judge(make_run(stick_out(2, 20.0))) == []  # exactly one in a hundred
    assert find(make_run(stick_out(3, 20.0)))
    assert judge(make_run(stick_out(6, 10.0))) == []
    assert find(make_run(stick_out(6, 10.01)))
    assert judge(make_run(stick_out(6, 20.0)), rule=ClippingNeeded(times=30.0)) == []


def test_gradients_that_fade_or_grow_have_no_tail() -> None:
    assert judge(make_run(np.geomspace(100, 0.001, 400))) == []
    assert judge(make_run(np.geomspace(0.001, 100, 400))) == []


def test_the_guard_is_the_90th_percentile_of_all_seeds() -> None:
    found = find(make_run(np.r_[stick_out(6, 20.0), np.full(100, 5.0)]), make_run(stick_out(6, 50.0), seed=1))
    assert found.evidence["threshold"] == 5.0
    assert found.evidence["largest"] == 50.0
    assert found.evidence["of"] == 2


def test_dies_unclipped_and_lives_clipped_by_norm() -> None:
    ways = [make_run(CALM, clip="norm", threshold=threshold, seed=seed) for threshold in (1.0, 10.0) for seed in (0, 1)]
    loose = [die(clip="norm", threshold=100.0), make_run(CALM, clip="norm", threshold=100.0, seed=1)]
    value = [make_run(CALM, clip="value", threshold=1e3)]
    found = find(die(), make_run(CALM, seed=1), *ways, *loose, *value)
    assert found.severity == "warning"
    assert found.evidence == {"threshold": 10.0, "share": None, "largest": None, "died": 1, "of": 2}
    assert found.message.startswith("unclipped it dies in 1 of 2 seeds; clipped by norm at 10, the largest threshold tried")


def test_a_loss_that_ends_above_where_it_began_is_dead_too() -> None:
    climbed = replace(make_run(CALM), series=make_trace(loss=np.linspace(1, 50, 20), total=CALM).series)
    assert find(climbed, make_run(CALM, clip="norm")).evidence["died"] == 1


@pytest.mark.parametrize(
    ("traces", "reason"),
    [
        ([die()], "was not tried clipped"),
        ([die(), die(clip="norm")], "no threshold at which every seed survives"),
        ([make_run(CALM[:99])], "99 updates cannot show"),
    ],
)
def test_too_little_to_judge(traces: list[Trace], reason: str) -> None:
    (skipped,) = judge(*traces)
    assert isinstance(skipped, Skipped)
    assert reason in skipped.reason


def test_runs_that_clip_are_not_judged_by_themselves() -> None:
    assert judge(make_run(stick_out(6, 20.0), clip="norm")) == []


def test_other_changes_are_compared_among_themselves() -> None:
    slow = {"optimizer.lr": 0.001}
    other = replace(die(), name="slow", patch=slow)
    saved = replace(make_run(CALM, clip="norm"), name="slow, clipped", patch={**slow, "clip.mode": "norm"})
    assert find(make_run(CALM), other, saved).run == "slow"


@pytest.mark.parametrize("factor", SCALES)
def test_units_do_not_matter(factor: float) -> None:
    trace = make_run(stick_out(6, 20.0))
    scaled = replace(rescale(trace, factor), patch=trace.patch, name=trace.name)
    assert (find(scaled).evidence["share"], find(scaled).severity) == (find(trace).evidence["share"], "info")
