from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.rules.traces import broken, find, is_silent, make_parameters, make_trace, skip
from tests.test_critical import stand
from trainlab.critical import CURVATURE, GRADIENT
from trainlab.report import Trace
from trainlab.rules.saddle_point import SaddlePoint

RULE = SaddlePoint()


def stuck(*eigenvalues: float, escaped: float | None = 0.25, loss: float = 1.0, **more: Any) -> Trace:
    """A run at a place with these curvatures, and the loss after a step along the lowest."""
    trace = stand(*(eigenvalues or (-2.0, 2.0)), loss=loss, **more)
    metrics = {**trace.metrics, "escape_loss": escaped, "escape_step": 1.0, "point_gradient": 1e-9}
    arrays = {**trace.arrays, "escape-shares": [0.5, 0.0, 0.5, 0.0], "escape-direction": [0.7071, 0.7071]}
    return replace(trace, metrics=metrics, arrays=arrays, parameters=make_parameters(2))


def test_the_texts_example() -> None:
    finding = find(RULE, stuck())
    assert finding.severity == "error"
    assert finding.where == "model.0.weight"
    assert finding.message == (
        "the gradient is 1e-09 at a saddle, with curvatures from -2 to 2; a step of 1 along the escape direction (0.707, 0.707) "
        "takes the loss from 1 to 0.25, a gain of 75 % (limit 1 %); try other initial weights, momentum or smaller batches"
    )
    assert finding.evidence["direction"] == [0.7071, 0.7071]
    assert finding.evidence["layers"] == {"model.0.weight": 0.5, "model.1.weight": 0.5}
    assert (finding.evidence["escape_loss"], finding.evidence["gain"]) == (0.25, 0.75)


def test_of_many_weights_the_layer_is_named() -> None:
    trace = stuck()
    arrays = {name: each for name, each in trace.arrays.items() if name != "escape-direction"}
    assert "along the escape direction (50% of it in model.0.weight) takes" in find(RULE, replace(trace, arrays=arrays)).message


@pytest.mark.parametrize(("escaped", "severity"), [(0.89, "error"), (0.91, "warning"), (0.99, "warning")])
def test_how_bad_it_is_depends_on_what_it_gains(escaped: float, severity: str) -> None:
    assert find(RULE, stuck(escaped=escaped)).severity == severity


def test_a_way_out_that_gains_next_to_nothing_is_none() -> None:
    assert is_silent(RULE, stuck(escaped=0.9901))
    assert not is_silent(SaddlePoint(gain=0.001), stuck(escaped=0.9901))


@pytest.mark.parametrize("eigenvalues", [(1.0, 2.0), (0.0, 2.0), (-1e-4, 2.0)])
def test_silent_at_a_minimum(eigenvalues: tuple[float, ...]) -> None:
    assert is_silent(RULE, stuck(*eigenvalues, loss=0.5))


def test_silent_on_a_slope() -> None:
    assert is_silent(RULE, stuck(descent=0.9))


def test_its_tolerances_are_those_of_the_command() -> None:
    assert (RULE.gradient, RULE.curvature) == (GRADIENT, CURVATURE)


def test_a_maximum_is_left_too() -> None:
    assert "at a maximum" in find(RULE, stuck(-2.0, -1.0)).message


def test_skips_what_was_not_measured() -> None:
    assert skip(RULE, make_trace()) == "the curvatures were not measured"
    assert skip(RULE, stuck(escaped=None)) == "the curvatures were not measured"
    assert skip(RULE, replace(stuck(), nonfinite=broken())) == "the weights left the finite numbers"
