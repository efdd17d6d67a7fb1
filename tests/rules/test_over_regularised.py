from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import (
    SCALES,
    find,
    is_silent,
    make_parameters,
    make_series,
    make_trace,
    rescale,
    skip,
    summarize,
    with_biases,
)
from trainlab.report import Trace
from trainlab.rules.over_regularised import OverRegularised

RULE = OverRegularised()


def shrinking(share: float, *, loss: float = 0.69, weight_decay: float = 0.3, **more: Any) -> Trace:
    """Three weights that end at `share` of their size, in a run whose constant reaches 0.7 and whose straight line 0.3."""
    norms = np.linspace(1.0, share, 5)[:, None] * np.array([[4.0, 2.0, 1.0]])
    metrics = {"train_loss": loss, "constant_loss": 0.7, "linear_loss": 0.3}
    fields: dict[str, Any] = {"task": "binary", "metrics": metrics, "parameters": make_parameters(3)} | more
    trace = make_trace(weight_decay=weight_decay, loss=[1.0, loss], **fields)
    return replace(trace, series={**trace.series, "weight-norm": make_series(with_biases(norms))})


def test_weights_that_shrink_to_nothing() -> None:
    found = find(RULE, shrinking(0.01))
    assert found.severity == "error"
    assert found.evidence["shrunk"] == pytest.approx(0.01)
    assert "weight_decay=0.3 left a weight 0.01 of its size (limit 0.2)" in found.message


def test_at_the_limit_it_is_silent() -> None:
    assert is_silent(RULE, shrinking(0.25))
    assert is_silent(OverRegularised(shrunk=0.25), shrinking(0.25))
    assert find(OverRegularised(shrunk=0.26), shrinking(0.25))


def test_a_penalty_that_leaves_something_learned_is_as_it_should_be() -> None:
    assert is_silent(RULE, shrinking(0.01, loss=0.35))
    assert is_silent(RULE, shrinking(0.01, weight_decay=0.0))


def test_too_little_to_judge() -> None:
    assert "not measured" in skip(RULE, make_trace(weight_decay=0.1, task="binary"))
    assert "nothing shows" in skip(RULE, shrinking(0.01, metrics={"train_loss": 0.69}))
    assert is_silent(RULE, shrinking(0.01, task="none"))


@pytest.mark.parametrize("factor", SCALES)
def test_units_of_the_loss_do_not_matter(factor: float) -> None:
    for share in (0.01, 0.9):
        assert summarize(RULE, rescale(shrinking(share), factor)) == summarize(RULE, shrinking(share))


def test_of_a_run_that_has_learned_something_half_is_enough() -> None:
    found = find(RULE, shrinking(0.49, loss=0.39))  # 0.775 of what the straight line gains
    assert found.severity == "warning"
    assert "of its size (limit 0.5)" in found.message
    assert "a linear model 0.3" in found.message
    assert is_silent(RULE, shrinking(0.49, loss=0.37))
    assert is_silent(RULE, shrinking(0.51, loss=0.39))
