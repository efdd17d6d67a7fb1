from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.rules.traces import find, is_silent, make_trace, skip
from trainlab.report import Trace
from trainlab.rules.not_in_optimizer import NotInOptimizer

RULE = NotInOptimizer()


def make(looked: int = 10, without: int = 0, names: tuple[str, ...] = ()) -> Trace:
    trace = make_trace(metrics={"looked": looked, "without_gradient": without})
    return replace(trace, arrays={"unheld-parameters": np.array(names, dtype=str)})


def test_layers_that_no_optimizer_holds() -> None:
    found = find(RULE, make(names=("head.weight", "head.bias")))
    assert (found.severity, found.where) == ("warning", "head.weight")
    assert "2 trainable parameters with a gradient in no optimizer: head.weight, head.bias;" in found.message
    assert found.evidence["parameters"] == ["head.weight", "head.bias"]


def test_many_are_counted() -> None:
    assert "l.0, l.1, l.2 and 7 more;" in find(RULE, make(names=tuple(f"l.{place}" for place in range(10)))).message


def test_an_optimizer_of_another_model() -> None:
    found = find(RULE, make(without=10, names=("head.weight",)))
    assert (found.severity, found.where) == ("error", "")
    assert "another model" in found.message


def test_all_is_held() -> None:
    assert is_silent(RULE, make())
    assert is_silent(RULE, make(without=9)), "one step with a gradient is enough"


def test_a_beginning_says_nothing() -> None:
    assert "fewer than 3 steps" in skip(RULE, make(looked=2, without=2))
    assert skip(RULE, make_trace())
