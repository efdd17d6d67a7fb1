from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.experiments import train_line
from tests.rules.traces import SCALES, broken, find, is_silent, make_series, make_trace, rescale, skip, summarize
from trainlab.rules.diverged import Diverged

RULE = Diverged()


def test_far_above_where_it_began() -> None:
    found = find(RULE, make_trace(loss=[2.0, 1.0, 50.0, 50.0, 50.0]))
    assert found.severity == "error"
    assert found.evidence == {"first": 2.0, "best": 1.0, "last": 50.0, "rise": 24.0, "update": None}
    assert "from 2 to 50: by 24 times its own scale (limit 2)" in found.message


def test_not_finite() -> None:
    found = find(RULE, make_trace(loss=[2.0, 30.0, np.inf], nonfinite=broken(39, value="inf")))
    assert "in update 39, after 2 in the first epoch" in found.message
    watched = replace(make_trace(), series={"loss": make_series([2.0, np.nan])}, how="watched")
    assert "in update 2, after 2 in the first update" in find(RULE, watched).message
    assert found.evidence == {"first": 2.0, "best": 2.0, "last": None, "rise": None, "update": 39}
    assert "in epoch 3" in find(RULE, make_trace(loss=[2.0, 30.0, np.nan])).message


def test_weights_that_broke_without_the_loss_showing_it() -> None:
    assert find(RULE, make_trace(loss=[2.0], nonfinite=broken(4, "update"))).evidence["update"] == 4
    assert find(RULE, make_trace(loss=[np.nan], nonfinite=broken(4))).evidence["first"] is None


def test_never_finite_is_no_course() -> None:
    assert "first update" in skip(RULE, make_trace(loss=[np.nan], nonfinite=broken(1), updates=0))
    # Under a loss scale a run goes on for a while
    assert "first update" in skip(RULE, make_trace(loss=[np.nan] * 10, nonfinite=broken(1), updates=10))


def test_exactly_at_the_limit_is_silent() -> None:
    assert is_silent(RULE, make_trace(loss=[2.0, 6.0, 6.0, 6.0]))
    assert find(RULE, make_trace(loss=[2.0, 6.01, 6.01, 6.01]))


def test_lost_in_the_first_epoch_already() -> None:
    lost = make_trace(loss=[900.0, 950.0, 940.0], metrics={"constant_loss": 2.3})
    assert is_silent(RULE, lost)
    seen = replace(lost, series={**lost.series, "batch-loss": make_series([2.4, 50.0, 990.0])})
    found = find(RULE, seen)
    assert found.evidence == {"first": 2.4, "best": 900.0, "last": 940.0, "rise": pytest.approx(937.6 / 2.4), "update": None}
    assert "from 2.4 to 940" in found.message
    # Without the constant there is no telling what one batch is worth
    assert is_silent(RULE, replace(seen, metrics={}))


@pytest.mark.parametrize("end", [2.3, 4.5])
def test_a_batch_that_happens_to_fit_is_no_start(end: float) -> None:
    """One sample that is right from the start, and a network that learns nothing."""
    trace = make_trace(loss=[2.4, end, end], metrics={"constant_loss": 2.3})
    assert is_silent(RULE, replace(trace, series={**trace.series, "batch-loss": make_series([0.001, 2.3])}))


def test_a_spike_at_the_end_is_not_the_end() -> None:
    assert is_silent(RULE, make_trace(loss=[2.0, *np.linspace(1, 0.1, 38), 100.0]))


def test_negative_losses_are_legal() -> None:
    assert is_silent(RULE, make_trace(loss=[-1.0, -50.0, -100.0]))
    assert is_silent(RULE, make_trace(loss=[5.0, 0.0, -100.0, -101.0]))
    assert find(RULE, make_trace(loss=[-1.0, 3.0, 3.0, 3.0]))
    assert is_silent(RULE, make_trace(loss=[-1.0, -100.0, 50.0, 50.0, 50.0]))  # its own scale is 99


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.2])
def test_the_line_swings_or_collapses_but_does_not_diverge(rate: float) -> None:
    assert is_silent(RULE, make_trace(loss=train_line(rate)[0]))


def test_too_little_to_judge() -> None:
    assert "1 epoch " in skip(RULE, make_trace(loss=[2.0]))
    assert "0 epochs" in skip(RULE, make_trace())
    assert "exactly 0" in skip(RULE, make_trace(loss=[0.0, 1.0, 1.0]))
    assert is_silent(RULE, make_trace(loss=[0.0, 0.0, 0.0]))


@settings(max_examples=100, deadline=None)
@given(
    loss=st.lists(st.floats(-100, 100).map(lambda value: float(np.float32(value))), min_size=2, max_size=30),
    factor=st.sampled_from(SCALES),
)
def test_units_do_not_matter(loss: list[float], factor: float) -> None:
    trace = make_trace(loss=loss)
    assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)
