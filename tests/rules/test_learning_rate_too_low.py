from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.experiments import train_line
from tests.rules.traces import SCALES, find, is_silent, make_series, make_trace, rescale, skip, summarize
from trainlab.report import Trace
from trainlab.rules.learning_rate_too_low import LearningRateTooLow

RULE = LearningRateTooLow()
SMALL = [[1e-4] * 3]


def line(rate: float) -> Trace:
    loss, norms, changes = train_line(rate)
    return make_trace(loss=loss, total=norms, changes=np.repeat(changes[:, None], 3, axis=1), lr=rate)


@pytest.mark.parametrize("rate", [1e-5, 1e-4])
def test_the_line_at_a_tiny_rate(rate: float) -> None:
    found = find(RULE, line(rate))
    assert found.severity == "warning"
    assert found.evidence["late_share"] > 0.2
    assert found.evidence["rate"] == rate
    assert f"try {3 * rate:.3g} or {10 * rate:.3g}" in found.message
    assert "limit 0.1" in found.message


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.2])
def test_the_line_at_rates_that_arrive_or_fail_otherwise(rate: float) -> None:
    """At 0.001 it settles at epoch 207 of 500: slow beside 0.01, which takes 22, but on its own it has arrived."""
    assert is_silent(RULE, line(rate))


def test_a_straight_fall_has_everything_before_it() -> None:
    found = find(RULE, make_trace(loss=np.linspace(2.3, 2.2, 41), changes=SMALL))
    assert found.evidence["late_share"] == pytest.approx(0.25)
    assert found.evidence["remaining"] == pytest.approx(22)  # down to 0: 2.2 of 0.1
    assert (found.evidence["first"], found.evidence["last"]) == (2.3, 2.2)


def test_without_a_floor_a_straight_fall_has_no_end() -> None:
    assert find(RULE, make_trace(loss=np.linspace(2.3, -2.2, 41), changes=SMALL)).evidence["remaining"] is None


def test_large_steps_are_not_slow() -> None:
    loss = np.linspace(2.3, 2.0, 41)
    assert is_silent(RULE, make_trace(loss=loss, changes=[[1e-3] * 3]))  # the limit itself
    assert find(RULE, make_trace(loss=loss, changes=[[0.99e-3] * 3]))


def test_the_late_updates_decide() -> None:
    loss = np.linspace(2.3, 2.0, 41)
    changes = np.full((40, 3), 1e-4)
    changes[:30] = 1.0
    assert find(RULE, make_trace(loss=loss, changes=changes)).evidence["update_ratio"] == pytest.approx(1e-4)


def test_the_rate_is_that_of_the_schedule() -> None:
    trace = make_trace(loss=np.linspace(2.3, 2.2, 41), changes=SMALL, lr=0.1)
    assert find(RULE, trace).evidence["late_rate"] == 0.1
    found = find(RULE, replace(trace, series={**trace.series, "learning-rate": make_series([0.1, 0.1, 0.1, 1e-4])}))
    assert (found.evidence["rate"], found.evidence["late_rate"]) == (0.1, 1e-4)
    assert "learning rate 0.1 (0.0001 at the end): try a schedule that lowers it less, or train longer" in found.message


def test_a_run_that_has_arrived() -> None:
    assert is_silent(RULE, make_trace(loss=0.1 + 2 * 0.9 ** np.arange(60), changes=SMALL))


def test_the_late_share_fires_at_its_limit() -> None:
    loss = np.array([16.0, 15, 14, 13, 12, 11, 10, 9, 8])  # a straight line: exactly a quarter
    assert find(LearningRateTooLow(late_share=0.25), make_trace(loss=loss, changes=SMALL))
    assert is_silent(LearningRateTooLow(late_share=0.26), make_trace(loss=loss, changes=SMALL))


def test_a_fall_with_little_before_it() -> None:
    """A tenth of the fall came late, but the loss is nearly 0: nothing is left to gain."""
    loss = np.linspace(2.0, 0.1, 41)
    assert is_silent(RULE, make_trace(loss=loss, changes=SMALL))
    assert find(RULE, make_trace(loss=loss + 1, changes=SMALL))


def test_a_flat_or_uneven_loss_is_not_slow() -> None:
    rng = np.random.default_rng(0)
    assert is_silent(RULE, make_trace(loss=np.full(40, 2.3), changes=SMALL))
    assert is_silent(RULE, make_trace(loss=2.3 + 1e-3 * rng.standard_normal(40), changes=SMALL))
    assert is_silent(RULE, make_trace(loss=np.linspace(2.0, 2.3, 40), changes=SMALL))
    assert is_silent(RULE, make_trace(loss=np.linspace(2.3, 2.2, 40) + 0.01 * (-1.0) ** np.arange(40), changes=SMALL))


def test_too_little_to_judge() -> None:
    assert "7 epochs" in skip(RULE, make_trace(loss=np.linspace(2.3, 2.2, 7), changes=SMALL))
    assert find(RULE, make_trace(loss=np.linspace(2.3, 2.2, 8), changes=SMALL))
    assert "not measured" in skip(RULE, make_trace(loss=np.linspace(2.3, 2.2, 40)))
    assert "not measured" in skip(RULE, make_trace(loss=np.linspace(2.3, 2.2, 40), changes=[[np.nan, np.inf]]))
    assert "finite" in skip(RULE, make_trace(loss=[*np.linspace(2.3, 2.2, 40), np.inf], changes=SMALL))


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.floats(-1, 10).map(lambda value: float(np.float32(value))), min_size=8, max_size=40),
    factor=st.sampled_from(SCALES),
)
def test_units_do_not_matter(steps: list[float], factor: float) -> None:
    trace = make_trace(loss=100 - np.cumsum(steps), changes=SMALL)
    assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)


def test_a_run_that_has_learned_next_to_nothing_may_take_larger_steps() -> None:
    steps = [[2e-3] * 3]
    baselines = {"constant_loss": 2.3, "linear_loss": 0.3}
    stuck = make_trace(loss=np.linspace(2.3, 2.2, 41), changes=steps, task="multiclass", metrics={"train_loss": 2.2} | baselines)
    assert find(RULE, stuck)
    learned = make_trace(loss=np.linspace(2.3, 1.0, 41), changes=steps, task="multiclass", metrics={"train_loss": 1.0} | baselines)
    assert is_silent(RULE, learned)
    assert is_silent(RULE, make_trace(loss=np.linspace(2.3, 2.2, 41), changes=steps))


def test_quarters_are_of_equal_length_whatever_the_number_of_epochs() -> None:
    """An exponential fall looks the same through ten epochs as through a hundred."""
    for epochs in (9, 10, 11, 12, 97, 100):
        loss = 1 + np.exp(-1.3 * np.linspace(0, 1, epochs))
        evidence = find(RULE, make_trace(loss=loss, changes=SMALL)).evidence
        assert evidence["late_share"] == pytest.approx(0.143, abs=0.01)
        assert evidence["remaining"] == pytest.approx(0.374, abs=0.03)


def test_early_stopping_ends_a_run_that_has_arrived_where_it_counts() -> None:
    loss, still = np.linspace(2.3, 2.2, 41), np.linspace(2.4, 2.3, 41)
    turned = np.concatenate([np.linspace(2.4, 2.3, 21), np.linspace(2.3, 2.35, 20)])
    assert is_silent(RULE, make_trace(loss=loss, held={"validation": turned}, changes=SMALL, stopped=41))
    assert find(RULE, make_trace(loss=loss, held={"validation": turned}, changes=SMALL))
    assert "or train longer" in find(RULE, make_trace(loss=loss, held={"validation": still}, changes=SMALL)).message
    message = find(RULE, make_trace(loss=loss, held={"validation": still}, changes=SMALL, stopped=41)).message
    assert message.endswith("try 0.3 or 1, or a longer patience: early stopping ended it")
    assert is_silent(RULE, make_trace(loss=loss, changes=SMALL, stopped=41))
