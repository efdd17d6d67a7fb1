from __future__ import annotations

import numpy as np
import pytest

from tests.rules.traces import SCALES, find, is_silent, make_trace, rescale, skip, summarize
from trainlab.report import Trace
from trainlab.rules.clipping_too_much import ClippingTooMuch

RULE = ClippingTooMuch()


def clipped(count: int, updates: int = 20) -> Trace:
    """`count` updates with a norm of 4 cut to 1, the others with 0.5 left alone."""
    total = np.where(np.arange(updates) < count, 4.0, 0.5)
    return make_trace(total=total, used=np.minimum(total, 1.0), clip="norm", threshold=1.0)


def test_most_updates() -> None:
    found = find(RULE, clipped(15))
    assert found.severity == "warning"
    assert found.evidence == {"share": 0.75, "clipped": 15, "updates": 20, "threshold": 1.0, "median_norm": 4.0}
    for words in ("75% of 20 updates", "limit 50%", "gradient norm is 4", "threshold 1 by norm", "lower the learning rate"):
        assert words in found.message


def test_exactly_half_is_silent() -> None:
    assert is_silent(RULE, clipped(10))
    assert find(RULE, clipped(11))
    assert is_silent(RULE, clipped(0))


def test_rounding_is_no_clipping() -> None:
    total = np.full(20, 4.0)
    assert is_silent(RULE, make_trace(total=total, used=total * (1 - 1e-6), clip="norm"))
    assert is_silent(RULE, make_trace(total=total, angle=np.full(20, 1e-6), clip="value"))


def test_a_turn_is_clipping_even_if_the_length_hardly_changes() -> None:
    total = np.full(20, 4.0)
    assert find(RULE, make_trace(total=total, used=total * (1 - 1e-6), angle=np.full(20, 0.1), clip="value"))


def test_an_overflowing_norm_was_cut() -> None:
    assert find(RULE, make_trace(total=np.full(20, np.inf), used=np.ones(20), clip="norm"))


def test_nan_is_left_out() -> None:
    total = np.full(30, np.nan)
    total[:10] = 4.0
    found = find(RULE, make_trace(total=total, used=np.minimum(total, 1.0), angle=np.full(30, np.nan), clip="norm"))
    assert found.evidence["updates"] == 10


def test_does_not_apply_without_clipping() -> None:
    assert is_silent(RULE, make_trace(total=np.full(20, 4.0), used=np.ones(20)))


def test_too_little_to_judge() -> None:
    assert "9 updates" in skip(RULE, clipped(9, 9))
    assert find(RULE, clipped(10, 10))
    assert "0 updates" in skip(RULE, make_trace(clip="norm"))
    assert "0 updates" in skip(RULE, make_trace(total=np.ones(20), used=np.ones(19), clip="norm"))


@pytest.mark.parametrize("factor", SCALES)
@pytest.mark.parametrize("count", [0, 10, 11])
def test_units_do_not_matter(count: int, factor: float) -> None:
    trace = clipped(count)
    assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)
