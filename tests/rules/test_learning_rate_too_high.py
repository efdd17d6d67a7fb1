from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.experiments import train_line
from tests.rules.traces import SCALES, broken, find, is_silent, make_series, make_trace, rescale, skip, summarize
from trainlab.config.regularize import Regularize
from trainlab.report import Trace
from trainlab.rules.learning_rate_too_high import LearningRateTooHigh

RULE = LearningRateTooHigh()


def line(rate: float) -> Trace:
    loss, norms, changes = train_line(rate)
    return make_trace(loss=loss, total=norms, changes=changes[:, None], lr=rate)


def swinging(amplitude: float, *, epochs: int = 40, level: float = 1.0, start: float = 11.0, **more: Any) -> Trace:
    """Falls from `start` to `level` in ten epochs, then swings by `amplitude` in all."""
    tail = level + amplitude / 2 * (-1.0) ** np.arange(epochs - 10)
    return make_trace(loss=[*np.linspace(start, level, 10, endpoint=False), *tail], **more)


def falling(epochs: int = 40) -> np.ndarray:
    return 0.1 + 2.0 * 0.8 ** np.arange(epochs)


def test_the_line_at_a_rate_of_a_tenth() -> None:
    found = find(RULE, line(0.1))
    assert found.severity == "warning"
    assert found.evidence["low"] == pytest.approx(1.5584, abs=1e-4)
    assert found.evidence["high"] == pytest.approx(2.1714, abs=1e-4)
    assert found.evidence["rate"] == 0.1
    assert found.evidence["swing"] > found.evidence["limit"] == 0.05
    for words in ("between 1.56 and 2.17", "limit 0.05", "learning rate 0.1", "0.01"):
        assert words in found.message


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.08, 0.0884])
def test_the_line_below_the_edge_of_stability(rate: float) -> None:
    assert is_silent(RULE, line(rate))


@pytest.mark.parametrize("rate", [0.165, 0.2, 0.5])
def test_a_collapsed_network_does_not_swing(rate: float) -> None:
    trace = line(rate)
    assert trace.series["total-norm"].values[-1] == 0
    assert is_silent(RULE, trace)
    assert is_silent(RULE, make_trace(loss=trace.series["loss"].values))  # the gradient was not measured: flat all the same


def test_an_exactly_flat_end_is_a_collapse() -> None:
    loss = [*np.linspace(10, 1, 10), 1.0, 1.0, *np.full(28, 13.0)]
    assert is_silent(RULE, make_trace(loss=loss))
    assert find(RULE, make_trace(loss=[*loss[:-1], 13.1]))


def test_a_dead_gradient_is_no_swing_whatever_the_loss_does() -> None:
    norms = np.ones(40)
    assert find(RULE, swinging(3.0, total=norms))
    norms[-1] = 0
    assert is_silent(RULE, swinging(3.0, total=norms))


def test_exactly_at_the_limit_fires() -> None:
    assert find(LearningRateTooHigh(swing=0.125), swinging(1.25, start=10.375, level=1.0))  # best 0.375, fall 10: swing 0.125
    assert is_silent(LearningRateTooHigh(swing=0.126), swinging(1.25, start=10.375, level=1.0))


def test_noise_asks_for_a_larger_swing() -> None:
    assert find(RULE, swinging(2.0))
    assert is_silent(RULE, swinging(2.0, batch_size=10))
    assert is_silent(RULE, swinging(2.0, modules=[("drop", "Dropout")]))
    assert find(RULE, swinging(2.0, batch_size=100))  # all of the 100 samples: no noise
    assert find(RULE, swinging(8.0, level=5.0, batch_size=10)).evidence["limit"] == 0.3


def test_a_swing_must_matter_beside_the_loss_itself() -> None:
    """Labels that cannot be learned: the loss gains next to nothing and moves by as little."""
    assert is_silent(RULE, swinging(0.01, level=0.69, start=0.70))


def test_a_falling_loss_is_no_swing() -> None:
    assert is_silent(RULE, make_trace(loss=falling()))
    steep = np.linspace(10, 0.1, 20)
    assert is_silent(RULE, make_trace(loss=steep))


def test_an_uneven_fall_is_no_swing() -> None:
    """More downwards than upwards by far, as at the edge of stability."""
    loss = np.linspace(10, 0.1, 40) + 0.2 * (-1.0) ** np.arange(40)
    assert is_silent(RULE, make_trace(loss=loss))


def test_a_loss_that_has_climbed_back() -> None:
    loss = [*np.linspace(10, 1, 10), 1.0, 1.0, *np.full(27, 4.0), 4.0001]
    found = find(RULE, make_trace(loss=loss, batch_size=10))
    assert found.severity == "warning"
    assert 0.3 < found.evidence["climbed"] < 0.4
    assert "ended at 4 after" in found.message
    assert find(RULE, make_trace(loss=[*np.linspace(10, 1, 10), 1.0, 1.0, *np.full(27, 7.0), 7.1])).severity == "error"


def test_a_loss_that_rises_while_a_penalty_takes_hold() -> None:
    loss = [*np.linspace(10, 1, 10), *np.linspace(1, 4, 10), *np.linspace(4, 4.001, 20)]
    assert find(RULE, make_trace(loss=loss))
    assert is_silent(RULE, make_trace(loss=loss, weight_decay=0.3))


@pytest.mark.parametrize("regularizer", [{"l1": 0.01}, {"max_norm": 1.0}, {"label_smoothing": 0.1}, {"adversarial": 0.1}])
def test_a_loss_that_rises_while_a_regulariser_takes_hold(regularizer: dict[str, float]) -> None:
    trace = make_trace(loss=[*np.linspace(10, 1, 10), *np.linspace(1, 4, 10), *np.linspace(4, 4.001, 20)])
    assert find(RULE, trace)
    assert is_silent(RULE, replace(trace, config=replace(trace.config, regularize=Regularize(**regularizer))))


def test_the_rate_is_that_of_the_schedule() -> None:
    trace = swinging(2.0, lr=0.1)
    found = find(RULE, trace)
    assert found.evidence["late_rate"] == found.evidence["rate"] == 0.1
    assert "at the end)" not in found.message
    found = find(RULE, replace(trace, series={**trace.series, "learning-rate": make_series(np.linspace(0.1, 0.02, 40))}))
    assert found.evidence["rate"] == 0.1
    assert found.evidence["late_rate"] == pytest.approx(0.0292, abs=1e-3)
    assert "learning rate 0.1 (0.0292 at the end): try 0.0333 or 0.01" in found.message


def test_one_lucky_epoch_is_no_best() -> None:
    loss = np.full(40, 1.0) + 1e-3 * np.arange(40)[::-1]
    loss[0], loss[20] = 2.0, 0.2
    assert is_silent(RULE, make_trace(loss=loss, batch_size=10))


def test_a_loss_that_never_fell() -> None:
    found = find(RULE, make_trace(loss=[2.3, *(4 + (-1.0) ** np.arange(39))]))
    assert np.isinf(found.evidence["swing"])


def test_negative_losses_are_legal() -> None:
    assert is_silent(RULE, make_trace(loss=falling() - 50))
    loss = np.linspace(0, -100, 40)
    loss[10:] = -60 + 10 * (-1.0) ** np.arange(30)
    assert find(RULE, make_trace(loss=loss))


def test_too_little_to_judge() -> None:
    assert "9 epochs" in skip(RULE, make_trace(loss=falling(9)))
    assert is_silent(RULE, make_trace(loss=falling(10)))
    assert "finite" in skip(RULE, make_trace(loss=[*falling(), np.nan]))
    assert "0 epochs" in skip(RULE, make_trace())


@settings(max_examples=100, deadline=None)
@given(
    loss=st.lists(st.floats(-100, 100).map(lambda value: float(np.float32(value))), min_size=10, max_size=40),
    factor=st.sampled_from(SCALES),
    batch_size=st.sampled_from([None, 10]),
)
def test_units_do_not_matter(loss: list[float], factor: float, batch_size: int | None) -> None:
    trace = make_trace(loss=loss, total=np.ones(10), batch_size=batch_size)
    assert summarize(RULE, rescale(trace, factor)) == summarize(RULE, trace)


def thrown(step: float, *, end: float = 0.69, **more: Any) -> Trace:
    """A first step that changes every weight by `step` of itself, then small ones; a constant reaches 0.7, a straight line 0.3."""
    changes = np.full((12, 3), 1e-3)
    changes[1] = step
    metrics = {"train_loss": end, "constant_loss": 0.7, "linear_loss": 0.3}
    fields: dict[str, Any] = {"task": "binary", "metrics": metrics, "loss": np.full(12, end), "changes": changes} | more
    return make_trace(gradients=np.ones((12, 3)), total=np.ones(12), lr=0.5, **fields)


def test_a_run_that_giant_steps_have_thrown_where_nothing_is_learned() -> None:
    found = find(RULE, thrown(2.0))
    assert found.severity == "error"
    assert found.evidence["step"] == 2.0
    assert "a step that changed a weight by 2 of itself (limit 0.5); learning rate 0.5" in found.message
    assert find(RULE, thrown(0.5))
    assert is_silent(RULE, thrown(0.49))
    assert is_silent(RULE, thrown(2.0, end=0.31))  # it has recovered


def test_a_giant_step_of_one_weight_alone_throws_nothing() -> None:
    trace = thrown(1e-3)
    changes = np.full((12, 3), 1e-3)
    changes[1, 0] = 5.0
    assert is_silent(RULE, thrown(1e-3, changes=changes))
    assert is_silent(RULE, trace)


def test_a_run_that_giant_steps_have_thrown_out_of_the_finite_numbers() -> None:
    assert "in update 7 after a step" in find(RULE, thrown(1.0, nonfinite=broken(7), loss=[0.7, np.nan])).message.replace(", ", " ")
    assert "finite" in skip(RULE, thrown(0.99, nonfinite=broken(7), loss=[*np.full(11, 0.7), np.nan]))
    assert "finite" in skip(RULE, thrown(1.0, nonfinite=broken(1), loss=[*np.full(11, 0.7), np.nan]))


def test_above_its_own_start_no_penalty_is_an_excuse() -> None:
    loss = [*np.linspace(10, 1, 10), *np.linspace(1, 14, 10), *np.linspace(14, 14.001, 20)]
    assert find(RULE, make_trace(loss=loss, weight_decay=0.3)).severity == "error"
    assert is_silent(RULE, make_trace(loss=loss, weight_decay=0.3, metrics={"constant_loss": 14.0}))


def test_a_few_last_epochs_that_happen_to_fall_do_not_hide_a_swing() -> None:
    loss = np.array([6.5, 1.2, 0.8, 2.4, 2.9, 5.8, 5.2, 1.4, 1.0, 4.3, 1.0, 4.2, 0.9, 4.3, 0.8, 4.2, 3.9, 3.0, 1.0, 0.5])
    assert find(RULE, make_trace(loss=loss, batch_size=10)).severity == "warning"
    jumped = np.concatenate([np.linspace(2.0, 0.2, 15), [0.9], np.linspace(0.25, 0.15, 9)])  # and came back
    assert is_silent(RULE, make_trace(loss=jumped, batch_size=10))
