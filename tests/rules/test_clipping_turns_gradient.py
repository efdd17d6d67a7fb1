from __future__ import annotations

import numpy as np
import pytest

from tests.rules.traces import SCALES, find, is_silent, make_trace, rescale, skip, summarize
from trainlab.rules.clipping_turns_gradient import ClippingTurnsGradient

RULE = ClippingTurnsGradient()


def test_the_gradient_of_100_and_1() -> None:
    raw, used = np.array([100.0, 1.0]), np.array([1.0, 1.0])
    angle = np.degrees(np.arccos(raw @ used / np.linalg.norm(raw) / np.linalg.norm(used)))
    found = find(RULE, make_trace(total=[np.linalg.norm(raw)], used=[np.linalg.norm(used)], angle=[angle], clip="value"))
    assert found.severity == "warning"
    assert found.evidence == {
        "median": pytest.approx(44.427, abs=1e-3),
        "max": pytest.approx(44.427, abs=1e-3),
        "clipped": 1,
        "updates": 1,
    }
    assert "turns the gradient by 44.4 degrees" in found.message
    assert "limit 10" in found.message


def test_by_norm_nothing_turns() -> None:
    assert is_silent(RULE, make_trace(total=[100.005], used=[1.0], angle=[0.0], clip="norm"))


def test_only_clipped_updates_count() -> None:
    angles = [0.0] * 9 + [30.0]
    found = find(RULE, make_trace(total=np.ones(10), used=[1.0] * 9 + [0.5], angle=angles, clip="value"))
    assert (found.evidence["median"], found.evidence["clipped"], found.evidence["updates"]) == (30.0, 1, 10)


def test_exactly_at_the_limit_is_silent() -> None:
    assert is_silent(RULE, make_trace(total=[2.0], used=[1.0], angle=[10.0], clip="value"))
    assert find(RULE, make_trace(total=[2.0], used=[1.0], angle=[10.1], clip="value"))


def test_the_median_decides() -> None:
    assert is_silent(RULE, make_trace(total=np.full(3, 2.0), used=np.ones(3), angle=[5.0, 5.0, 60.0], clip="value"))


def test_silent_where_nothing_was_clipped_or_clipping_is_off() -> None:
    assert is_silent(RULE, make_trace(total=np.ones(5), clip="value"))
    assert is_silent(RULE, make_trace(total=[2.0], used=[1.0], angle=[40.0]))


def test_an_angle_that_is_not_defined_is_no_turn() -> None:
    trace = make_trace(total=[2.0] * 5, used=[1.0] * 5, angle=[np.nan, np.nan, 40.0, 40.0, 40.0], clip="value")
    assert find(RULE, trace).evidence["median"] == 40.0


def test_nan_and_too_little() -> None:
    assert "no update" in skip(RULE, make_trace(total=[np.nan], used=[np.nan], angle=[np.nan], clip="value"))
    assert "no update" in skip(RULE, make_trace(clip="value"))
    assert (
        find(RULE, make_trace(total=[np.nan, 2.0], used=[np.nan, 1.0], angle=[np.nan, 40.0], clip="value")).evidence["updates"] == 1
    )


@pytest.mark.parametrize("factor", SCALES)
@pytest.mark.parametrize("angle", [5.0, 10.0, 44.4])
def test_units_do_not_matter(angle: float, factor: float) -> None:
    trace = make_trace(total=[2.0] * 4, used=[1.0] * 4, angle=[angle] * 4, clip="value")
    assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)
