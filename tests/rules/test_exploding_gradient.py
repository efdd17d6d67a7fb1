from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.rules.traces import SCALES, broken, find, is_silent, make_series, make_trace, rescale, skip, summarize
from trainlab.config.optimizer import Adam
from trainlab.report import Trace
from trainlab.rules.exploding_gradient import ExplodingGradient

RULE = ExplodingGradient()
GAIN = 0.125 * 1.5 ** np.arange(99, -1, -1)  # 100 sigmoid layers, w = 6, b = -3, x = 0.5: each amplifies 1.5 times


def test_a_gain_of_one_and_a_half_a_layer() -> None:
    found = find(RULE, make_trace(gradients=GAIN))
    assert found.evidence["ratio"] == pytest.approx(1.5**99)
    assert found.evidence["per_layer_factor"] == pytest.approx(1.5)
    assert found.where == found.evidence["starts_at"] == "model.81.weight"  # 1.5^18 > 1e3 > 1.5^17
    assert found.evidence["layers"] == [f"model.{layer}.weight" for layer in range(82)]
    assert "2.71e+17 (limit 1e+03)" in found.message


def test_equal_giant_gradients() -> None:
    """The identity chain with weights 1.5: every weight's gradient is 1.5^99, and nothing grows over depth."""
    found = find(RULE, make_trace(gradients=np.full(100, 1.5**99), changes=np.full(100, 0.01 * 1.5**98)))
    assert found.severity == "error"
    assert found.evidence["ratio"] == 1
    assert found.evidence["first_update"] == pytest.approx(1.8069e15, rel=1e-4)
    assert "first update" in found.message


@pytest.mark.parametrize(
    "gradients",
    [
        np.ones(30),
        204 ** np.linspace(1, 0, 30),  # ReLU, He and batch norm: grows, within the limit
        [1e6, 1e6, 1e6, 1e6],  # units of the loss
        [1e4, 1.0, 1.0, 1.0, 1.0],  # one layer
        [1e-20, 1e-10, 1e-5, 1.0],
    ],
)
def test_silent(gradients: list[float]) -> None:
    assert is_silent(RULE, make_trace(gradients=gradients, changes=np.full(len(gradients), 1e-3)))


def test_exactly_at_the_limits_is_silent() -> None:
    assert is_silent(RULE, make_trace(gradients=[1e3, 1e2, 1e1, 1e0]))
    assert find(ExplodingGradient(ratio=999.0), make_trace(gradients=[1e3, 1e2, 1e1, 1e0]))
    assert is_silent(RULE, make_trace(gradients=np.ones(4), changes=np.full(4, 100.0)))
    assert find(RULE, make_trace(gradients=np.ones(4), changes=np.full(4, 100.1)))


def test_only_the_first_update_is_a_matter_of_the_start() -> None:
    assert is_silent(RULE, make_trace(gradients=np.ones((2, 4)), changes=[[1e-3] * 4, [1e9] * 4]))


def test_weights_of_zero_have_no_relative_change() -> None:
    assert is_silent(RULE, make_trace(gradients=np.ones(4), changes=[np.inf, np.inf, 1e-3, 1e-3]))
    assert is_silent(RULE, make_trace(gradients=np.ones(4), changes=[np.nan, np.inf, np.nan, np.inf]))


def test_severity_follows_the_consequence() -> None:
    gradients = [1e6, 1e4, 1e2, 1.0]
    assert find(RULE, make_trace(gradients=gradients, changes=[0.9, 0.9, 0.9, 1e-6])).severity == "warning"
    assert find(RULE, make_trace(gradients=gradients, changes=[1.0, 1.0, 1.0, 1e-6])).severity == "error"
    assert find(RULE, make_trace(gradients=gradients, nonfinite=broken())).severity == "error"
    assert find(RULE, make_trace(gradients=gradients)).severity == "warning"


def test_overflow_counts_as_growth() -> None:
    found = find(RULE, make_trace(gradients=[np.inf, np.inf, 1e30, 1e20, 1e10, 1.0]))
    assert np.isinf(found.evidence["ratio"])


def test_saturated_last_layers_are_not_growth() -> None:
    """The residual sigmoid chain of width 1: the gradient is lost at the output, and nothing amplifies it."""
    gradients = 0.247 * 0.45 ** np.arange(12)
    modules = [(f"model.{layer}.act", "Sigmoid") for layer in range(12)]
    saturated = {"activation-saturated": [0.0] * 4 + [1.0] * 8}
    assert "last layers" in skip(RULE, make_trace(gradients=gradients, modules=modules, arrays=saturated))
    assert find(RULE, make_trace(gradients=gradients, modules=modules, arrays={"activation-saturated": [0.8] * 12}))
    gradients[-3:] = 0
    assert "last layers" in skip(RULE, make_trace(gradients=gradients))


def test_too_little_to_judge() -> None:
    assert "2 weight layers" in skip(RULE, make_trace(gradients=[1e9, 1.0]))
    assert "no update" in skip(RULE, make_trace(gradients=[[np.nan] * 4]))
    assert "exactly 0" in skip(RULE, make_trace(gradients=[[0.0] * 4]))


@pytest.mark.parametrize("factor", SCALES)
@pytest.mark.parametrize("gradients", [GAIN, [1e3, 1e2, 1e1, 1e0], [1e6] * 4])
def test_units_do_not_matter(gradients: list[float], factor: float) -> None:
    trace = make_trace(gradients=gradients, changes=[1e-3] * len(gradients))
    assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)


def test_nothing_but_infinity_has_no_slope() -> None:
    assert is_silent(RULE, make_trace(gradients=[np.inf] * 4))


def test_the_first_step_of_an_optimizer_that_divides_by_the_gradient_says_nothing_of_it() -> None:
    trace = make_trace(gradients=np.ones(4), changes=np.full(4, 500.0))
    assert find(RULE, trace)
    assert is_silent(RULE, replace(trace, config=replace(trace.config, optimizer=Adam())))


def test_of_a_run_that_is_stuck_the_first_update_is_enough() -> None:
    gradients = np.ones((10, 6))
    gradients[0] = np.logspace(6, 0, 6)
    baselines = {"constant_loss": 2.3, "linear_loss": 0.3}
    found = find(RULE, make_trace(gradients=gradients, task="multiclass", metrics={"train_loss": 2.2} | baselines))
    assert found.evidence["ratio"] == found.evidence["first"] == pytest.approx(1e6)
    assert is_silent(RULE, make_trace(gradients=gradients, task="multiclass", metrics={"train_loss": 0.2} | baselines))


def test_a_giant_first_update_from_a_sound_start_is_the_work_of_the_rate() -> None:
    def started(at: float) -> Trace:
        trace = make_trace(gradients=np.ones(4), changes=[1000.0] * 4, metrics={"zero_output_loss": 2.0})
        return replace(trace, series={**trace.series, "batch-loss": make_series([at])})

    assert is_silent(RULE, started(10.0))
    assert find(RULE, started(10.1))
    assert find(RULE, make_trace(gradients=np.ones(4), changes=[1000.0] * 4))
