from __future__ import annotations

import numpy as np
import pytest

from tests.rules.traces import SCALES, find, is_silent, make_trace, rescale, skip, summarize
from trainlab.rules.clipping_idle import ClippingIdle

RULE = ClippingIdle()


def test_never_reached() -> None:
    found = find(RULE, make_trace(total=np.linspace(0.1, 0.8, 20), clip="norm", threshold=5.0))
    assert found.severity == "info"
    assert found.evidence == {"threshold": 5.0, "largest_norm": pytest.approx(0.8), "updates": 20}
    for words in ("none of 20 updates", "threshold of 5 by norm", "longest gradient was 0.8"):
        assert words in found.message


def test_reached_once_is_enough() -> None:
    total = np.full(20, 0.5)
    total[7] = 6.0
    assert is_silent(RULE, make_trace(total=total, used=np.minimum(total, 5.0), clip="norm", threshold=5.0))
    assert is_silent(RULE, make_trace(total=[6.0], used=[5.0], clip="norm", threshold=5.0))


def test_does_not_apply_without_clipping() -> None:
    assert is_silent(RULE, make_trace(total=np.ones(20)))


def test_nan_is_left_out() -> None:
    total = np.full(30, 0.5)
    total[20:] = np.nan
    assert find(RULE, make_trace(total=total, clip="value")).evidence["updates"] == 20


def test_too_little_to_judge() -> None:
    assert "9 updates" in skip(RULE, make_trace(total=np.ones(9), clip="norm", threshold=5.0))
    assert find(RULE, make_trace(total=np.ones(10), clip="norm", threshold=5.0))
    assert "0 updates" in skip(RULE, make_trace(clip="norm"))


@pytest.mark.parametrize("factor", SCALES)
def test_units_do_not_matter(factor: float) -> None:
    trace = make_trace(total=np.linspace(0.1, 0.8, 20), clip="norm", threshold=5.0)
    assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)
