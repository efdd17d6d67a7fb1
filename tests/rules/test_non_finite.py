from __future__ import annotations

import dataclasses

import pytest

from tests.rules.traces import broken, find, is_silent, make_trace, skip
from trainlab.rules.non_finite import NonFinite

RULE = NonFinite()


def test_says_where_and_what() -> None:
    found = find(RULE, make_trace(nonfinite=broken(17, "backward", "inf", "model.3.weight", 3.1e38)))
    assert (found.severity, found.where) == ("error", "model.3.weight")
    assert found.evidence == {"update": 17, "direction": "backward", "value": "inf", "last_finite": 3.1e38}
    for words in ("Inf", "backward pass", "update 17", "model.3.weight", "3.1e+38", "3.4e+38"):
        assert words in found.message


@pytest.mark.parametrize(
    ("direction", "words"), [("forward", "steps before"), ("backward", "square root"), ("update", "clip by norm")]
)
def test_advice_follows_the_place(direction: str, words: str) -> None:
    assert words in find(RULE, make_trace(nonfinite=broken(5, direction))).message


def test_at_the_first_update_the_data_are_suspect() -> None:
    message = find(RULE, make_trace(nonfinite=broken(1))).message
    assert "look at the data" in message
    assert "clipping cannot cure" in message
    assert "look at the data" not in find(RULE, make_trace(nonfinite=broken(2))).message
    assert "look at the data" not in find(RULE, make_trace(nonfinite=broken(1, "backward"))).message


def test_the_end_of_float32_is_named_for_an_overflow_only() -> None:
    assert "float32" not in find(RULE, make_trace(nonfinite=broken(value="nan"))).message
    assert "nothing finite" in find(RULE, make_trace(nonfinite=broken())).message


@pytest.mark.parametrize(("precision", "end"), [("bf16", "bf16 ends at 3.4e+38"), ("fp16", "fp16 ends at 6.55e+04")])
def test_the_end_of_other_formats_is_named_too(precision: str, end: str) -> None:
    trace = make_trace(nonfinite=broken(value="inf"))
    config = dataclasses.replace(trace.config, train=dataclasses.replace(trace.config.train, precision=precision))
    assert end in find(RULE, dataclasses.replace(trace, config=config)).message


def test_silent_and_too_little() -> None:
    assert is_silent(RULE, make_trace())
    assert "no update" in skip(RULE, make_trace(updates=0))
