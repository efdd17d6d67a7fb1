from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.rules.traces import make_series, make_trace
from trainlab.report import Trace
from trainlab.studies import _thresholds

NORMS = np.arange(1.0, 101.0)


def make_pilot(norms: np.ndarray = NORMS, largest: np.ndarray | None = None) -> Trace:
    trace = make_trace(total=norms)
    if largest is None:
        return trace
    return replace(trace, series={**trace.series, "gradient-max-abs": make_series(np.stack([largest, largest / 2], axis=1))})


def test_quantiles_of_what_a_surviving_pilot_has_shown_by_norm_and_by_value() -> None:
    patches = _thresholds.propose([make_pilot(largest=NORMS / 10)], survives=True)
    assert patches == [
        {"clip.mode": mode, "clip.threshold": pytest.approx(value, rel=0.02)}
        for mode, value in (("value", 5.05), ("norm", 50.5), ("value", 9.01), ("norm", 90.1), ("value", 9.9), ("norm", 99.0))
    ]


@pytest.mark.parametrize(("tried", "decades"), [(False, [1e3, 1e2, 10.0, 1.0]), (True, [0.1, 0.01, 0.001])])
def test_decades_where_the_pilot_died(tried: bool, decades: list[float]) -> None:
    patches = _thresholds.propose([make_pilot(np.array([1.0, np.inf]))], survives=False, tried=tried)
    for mode in ("norm", "value"):
        assert [patch["clip.threshold"] for patch in patches if patch["clip.mode"] == mode] == decades


def test_no_threshold_of_zero_and_none_twice() -> None:
    assert _thresholds.propose([make_pilot(np.zeros(10))], survives=True) == []
    assert len(_thresholds.propose([make_pilot(np.ones(10))], survives=True)) == 2


def test_the_distribution_over_all_seeds_without_what_is_no_number() -> None:
    table = _thresholds.tabulate_norms([make_pilot(NORMS), make_pilot(np.array([1000.0, np.inf, np.nan]))])
    assert table is not None
    assert table.title == "unclipped gradient norms (101 updates of 2 seeds)"
    assert [(name, value) for name, value, _ in table.rows] == [
        ("50 %", 51.0), ("90 %", 91.0), ("99 %", 100.0), ("all", 1000.0)
    ]  # fmt: skip
    assert _thresholds.tabulate_norms([make_pilot(np.array([np.nan]))]) is None


def test_a_guard_is_the_90th_percentile() -> None:
    assert _thresholds.say_guard([make_pilot(NORMS)], heavy=False) == " As a guard, a norm of 90 would clip one update in ten."
    assert _thresholds.say_guard([make_pilot(NORMS)], heavy=True).endswith("as a guard, clip by norm at 90.")
    assert _thresholds.say_guard([make_pilot(np.zeros(5))], heavy=False) == ""
