from __future__ import annotations

from typing import Any

import pytest

from tests.rules.traces import broken, find, is_silent, make_trace, skip
from trainlab.report import Trace
from trainlab.rules.dead_units import DeadUnits

RULE = DeadUnits()
NAN = float("nan")


def layers(*dead: float, **more: Any) -> Trace:
    modules = [(f"model.{at}", "Linear" if share != share else "ReLU") for at, share in enumerate(dead)]
    return make_trace(modules=modules, arrays={"activation-dead": dead}, **more)


def test_most_units_of_a_layer() -> None:
    found = find(RULE, layers(NAN, 0.6, NAN, 0.8, NAN))
    assert (found.severity, found.where) == ("warning", "model.3")
    assert found.evidence == {"dead": 0.8, "layers": ["model.1", "model.3"], "shares": [0.6, 0.8]}
    assert "80% of the units of model.3" in found.message
    assert "(limit 50%)" in found.message


def test_a_whole_layer_is_an_error() -> None:
    found = find(RULE, layers(NAN, 1.0, NAN, 1.0))
    assert (found.severity, found.where) == ("error", "model.1")  # the first: what follows is consequence
    assert "nothing before it can learn" in found.message


def test_a_whole_layer_needs_no_sample_size() -> None:
    """The ReLU chain at input -1: one sample, one unit a layer, no gradient at all."""
    assert find(RULE, layers(NAN, 1.0, samples=(1, 0))).severity == "error"


def test_silent() -> None:
    assert is_silent(RULE, layers(NAN, 0.0, NAN, 0.49))
    assert is_silent(RULE, layers(NAN, NAN))  # sigmoid, leaky ReLU: cannot die


def test_exactly_at_the_limit_fires() -> None:
    assert find(RULE, layers(0.5)).severity == "warning"
    assert is_silent(DeadUnits(dead=0.51), layers(0.5))


def test_few_samples_prove_nothing() -> None:
    assert "31 samples" in skip(RULE, layers(0.6, samples=(31, 0)))
    assert find(RULE, layers(0.6, samples=(32, 0)))
    assert is_silent(RULE, layers(0.4, samples=(1, 0)))


@pytest.mark.parametrize("arrays", [{}, {"activation-dead": []}, {"activation-dead": [1.0, 1.0]}])
def test_not_measured(arrays: dict[str, Any]) -> None:
    assert "not measured" in skip(RULE, make_trace(modules=[("model.0", "ReLU")], arrays=arrays))


def test_a_broken_run_has_no_units_to_speak_of() -> None:
    assert "finite" in skip(RULE, layers(NAN, 1.0, nonfinite=broken()))


def test_a_run_that_has_learned_all_the_same_suffers_less() -> None:
    learned = {"metrics": {"train_loss": 0.1, "constant_loss": 1.0, "linear_loss": 0.3}, "loss": [1.0, 0.1], "task": "binary"}
    assert find(RULE, layers(0.8, **learned)).severity == "info"
    assert find(RULE, layers(1.0, **learned)).severity == "warning"
    stuck = {**learned, "metrics": {"train_loss": 1.0, "constant_loss": 1.0, "linear_loss": 0.3}}
    assert find(RULE, layers(0.8, **stuck)).severity == "warning"
    assert find(RULE, layers(1.0, **stuck)).severity == "error"
