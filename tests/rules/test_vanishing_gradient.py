from __future__ import annotations

import numpy as np
import pytest

from tests.rules.experiments import chain_gradients
from tests.rules.traces import SCALES, find, is_silent, make_trace, rescale, skip, summarize
from trainlab.rules.vanishing_gradient import VanishingGradient

RULE = VanishingGradient()


def test_the_sigmoid_chain() -> None:
    found = find(RULE, make_trace(gradients=chain_gradients(30)))
    assert found.severity == "error"
    assert found.evidence["first"] == pytest.approx(2.99929e-20, rel=1e-5)
    assert found.evidence["last"] == pytest.approx(0.148091, rel=1e-5)
    assert found.evidence["ratio"] == pytest.approx(2.0253e-19, rel=1e-4)
    assert found.evidence["per_layer_factor"] == pytest.approx(0.2247, abs=1e-4)
    assert found.where == found.evidence["starts_at"] == "model.24.weight"
    assert found.evidence["layers"] == [f"model.{layer}.weight" for layer in range(25)]
    assert "2.03e-19 (limit 0.001)" in found.message
    assert "leaves 0.225 of it" in found.message
    assert "model.24.weight" in found.message


def test_starts_at_is_the_first_below_the_limit_times_the_largest() -> None:
    gradients = chain_gradients(30)
    small = gradients < 1e-3 * gradients.max()
    assert find(RULE, make_trace(gradients=gradients)).evidence["layers"] == [f"model.{at}.weight" for at in np.flatnonzero(small)]


@pytest.mark.parametrize(
    "gradients",
    [
        chain_gradients(30, "relu"),
        chain_gradients(30, "tanh"),  # shrinks to 0.04, which is no fault
        chain_gradients(4),  # too few layers to shrink below the limit
        [2.1, 1.8, 1.5, 1.2, 1.0],  # batch norm
        [0.27, 0.4, 0.6, 0.8, 1.0],  # residual
        [1.25, 1.1, 1.0, 1.1, 1.0],  # tanh, Xavier
        [1.68, 1.2, 0.9, 1.1, 1.0],  # ReLU, He
        [1e-9, 1.1e-9, 0.9e-9, 1e-9],  # converged: all small together
        [1e-4, 1.0, 1.0, 1.0, 1.0],  # one layer, no slope
        [1e-4, 1e-4, 1e-4, 1e-4, 1.0],  # again one layer
        [0.247, 0.1, 1e-2, 1e-5, 0.0],  # lost in saturated last layers, not on the way to the input
        [0.0, 0.0, 1e-2, 1e-1, 1.0],  # too little of a slope to have come to 0 by itself
        [0.0, 0.0, 0.0, 1.0, 1.0],  # something cuts the gradient: not a product of factors
    ],
)
def test_silent(gradients: list[float]) -> None:
    assert is_silent(RULE, make_trace(gradients=gradients))


def test_underflow_to_zero_counts() -> None:
    gradients = chain_gradients(100)
    gradients[gradients < 1e-45] = 0  # as float32 does
    found = find(RULE, make_trace(gradients=gradients))
    assert found.evidence["first"] == found.evidence["ratio"] == 0
    assert found.evidence["per_layer_factor"] == pytest.approx(0.2247, abs=1e-4)
    assert found.where == "model.94.weight"


def test_exactly_at_the_limit_is_silent() -> None:
    gradients = 10.0 ** np.array([-3, -2, -1, 0])
    assert is_silent(RULE, make_trace(gradients=gradients))
    assert find(VanishingGradient(ratio=1.001e-3), make_trace(gradients=gradients))


def test_one_step_may_make_two_thirds_of_the_fall_and_no_more() -> None:
    assert find(RULE, make_trace(gradients=[1e-6, 1e-5, 1e-1, 1.0]))
    assert is_silent(RULE, make_trace(gradients=[1e-6, 1e-5, 1e-0, 1.0]))


def test_a_trend_over_a_part_of_the_layers_is_not_enough() -> None:
    assert is_silent(RULE, make_trace(gradients=[1e-4, 1e-2, *np.ones(20)]))


def test_the_median_update_decides() -> None:
    healthy, faulty = [1.0, 1.0, 1.0, 1.0], [1e-6, 1e-4, 1e-2, 1.0]
    assert is_silent(RULE, make_trace(gradients=[healthy, faulty, healthy]))
    assert find(RULE, make_trace(gradients=[faulty, healthy, faulty])).evidence["first"] == 1e-6


def test_updates_without_any_gradient_do_not_count() -> None:
    nothing = [0.0] * 4
    assert find(RULE, make_trace(gradients=[[1e-6, 1e-4, 1e-2, 1.0], nothing, nothing])).evidence["ratio"] == 1e-6
    assert "exactly 0" in skip(RULE, make_trace(gradients=[nothing, nothing]))


def test_nan_is_left_out() -> None:
    gradients = [[np.nan] * 4, [1e-6, 1e-4, 1e-2, 1.0], [np.nan, 1.0, 1.0, 1.0]]
    assert find(RULE, make_trace(gradients=gradients)).evidence["ratio"] == 1e-6
    assert "no update" in skip(RULE, make_trace(gradients=[[np.nan] * 4]))
    assert "finite" in skip(RULE, make_trace(gradients=[[np.inf, 1.0, 1.0, 1.0]]))


def test_too_little_to_judge() -> None:
    assert "2 weight layers" in skip(RULE, make_trace(gradients=[1e-9, 1.0]))
    assert "0 weight layers" in skip(RULE, make_trace())
    assert "no update" in skip(RULE, make_trace(gradients=np.empty((0, 5))))


def test_an_optimizer_that_makes_up_for_it_is_a_warning() -> None:
    gradients = [1e-6, 1e-4, 1e-2, 1.0]
    assert find(RULE, make_trace(gradients=gradients, changes=[1e-3] * 4)).severity == "warning"
    assert find(RULE, make_trace(gradients=gradients, changes=[1e-3] * 4)).evidence["update_ratio"] == 1
    assert find(RULE, make_trace(gradients=gradients, changes=[0.999e-6, 1e-4, 1e-3, 1e-3])).severity == "error"
    assert find(RULE, make_trace(gradients=gradients, changes=[1e-6, 1e-4, 1e-3, 1e-3])).severity == "warning"  # the limit itself
    assert find(RULE, make_trace(gradients=gradients, changes=[np.nan, 1e-3, 1e-3, 1e-3])).severity == "error"
    assert find(RULE, make_trace(gradients=gradients)).evidence["update_ratio"] is None


@pytest.mark.parametrize("factor", SCALES)
@pytest.mark.parametrize("gradients", [chain_gradients(30), chain_gradients(30, "tanh"), [1e-3, 1e-2, 1e-1, 1.0], [1e-9] * 4])
def test_units_do_not_matter(gradients: list[float], factor: float) -> None:
    trace = make_trace(gradients=gradients, changes=[1e-3] * len(gradients))
    assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)


def test_of_a_run_that_is_stuck_the_first_update_is_enough() -> None:
    """The weights grow and bring the gradient back, when nothing is learned any more."""
    gradients = np.ones((10, 6))
    gradients[0] = np.logspace(-6, 0, 6)
    baselines = {"constant_loss": 2.3, "linear_loss": 0.3}
    stuck = make_trace(gradients=gradients, task="multiclass", metrics={"train_loss": 2.2} | baselines)
    assert find(RULE, stuck).evidence["ratio"] == pytest.approx(1e-6)
    assert is_silent(RULE, make_trace(gradients=gradients, task="multiclass", metrics={"train_loss": 0.2} | baselines))
    assert is_silent(RULE, make_trace(gradients=gradients))
