from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import SCALES, broken, find, is_silent, make_trace, rescale, skip, summarize
from trainlab.report import Trace
from trainlab.rules.overtraining import Overtraining

RULE = Overtraining()
EPOCHS = np.arange(1, 101)
FALLING = 0.6 * np.exp(-EPOCHS / 20) + 0.01
TURNS = 0.36 + 0.004 * np.abs(EPOCHS - 20)  # lowest at epoch 20, 0.68 at the end
FLAT = 0.36 + 0.3 * np.exp(-EPOCHS / 8)


def course(held: Any, loss: Any = FALLING, part: str = "validation", samples: int = 200, **more: Any) -> Trace:
    given: dict[str, Any] = {"task": "binary", **more}
    return make_trace(loss=loss, held={part: held}, sizes={"train": 800, part: samples}, **given)


def wobble(size: float, seed: int = 0) -> np.ndarray:
    return size * np.random.default_rng(seed).standard_normal(len(EPOCHS))


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_loss_that_turns(part: str) -> None:
    found = find(RULE, course(TURNS, part=part))
    evidence = found.evidence
    assert (found.severity, evidence["part"], evidence["epoch"], evidence["epochs"]) == ("warning", part, 20, 100)
    assert evidence["best"] == pytest.approx(0.36, abs=0.01)
    assert evidence["end"] == pytest.approx(0.36 + 0.004 * 75.5)
    assert evidence["rise"] == pytest.approx((evidence["end"] - evidence["best"]) / evidence["best"])
    assert (evidence["noise"], evidence["samples"]) == (pytest.approx(0, abs=1e-12), 200)
    for words in (f"{part} part was best around epoch 20 of 100 (0.36", "ended at 0.662", "(limit 20 %)", "(train.early_stopping)"):
        assert words in found.message
    assert ("data.validation_fraction" in found.message) == (part == "test")


def test_the_validation_part_comes_first() -> None:
    trace = make_trace(
        loss=FALLING,
        held={"validation": FLAT, "test": TURNS},
        sizes={"train": 800, "validation": 200, "test": 200},
        task="binary",
    )
    assert is_silent(RULE, trace)


def test_a_gap_that_does_not_grow_is_none() -> None:
    assert is_silent(RULE, course(FLAT))
    assert is_silent(RULE, course(FALLING))


def test_the_limit() -> None:
    rise = find(RULE, course(TURNS)).evidence["rise"]
    assert is_silent(Overtraining(rise=rise + 1e-9), course(TURNS))
    assert find(Overtraining(rise=rise - 1e-9), course(TURNS))


def test_a_rise_of_both_is_another_fault() -> None:
    assert is_silent(RULE, course(TURNS, loss=TURNS))


def test_noise_without_a_rise() -> None:
    for seed in range(20):
        assert is_silent(RULE, course(FLAT + wobble(0.02, seed)))


def test_a_rise_beyond_the_noise() -> None:
    for seed in range(20):
        found = find(RULE, course(TURNS + wobble(0.02, seed)))
        assert 5 <= found.evidence["epoch"] <= 35
        assert found.evidence["noise"] == pytest.approx(0.02, rel=0.6)


def test_a_rise_within_the_noise_is_not_judged() -> None:
    found = find(RULE, course(TURNS + wobble(0.02)))
    share = (found.evidence["end"] - found.evidence["best"]) / found.evidence["noise"]
    assert "may be chance" in skip(Overtraining(noise=share * 1.001), course(TURNS + wobble(0.02)))
    assert find(Overtraining(noise=share * 0.999), course(TURNS + wobble(0.02)))


def test_one_lucky_epoch_is_no_best_and_one_bad_one_no_end() -> None:
    lucky, unlucky = FLAT.copy(), FLAT.copy()
    lucky[30], unlucky[-1] = 0.01, 9.0
    assert is_silent(RULE, course(lucky))
    assert is_silent(RULE, course(unlucky))


def test_what_stopped_early_has_its_best_weights() -> None:
    assert is_silent(RULE, replace(course(TURNS), best_epoch=20, stopped=100))


def test_a_best_of_nothing() -> None:
    assert find(RULE, course(np.maximum(EPOCHS - 20.0, 0.0))).evidence["rise"] == math.inf


@pytest.mark.parametrize("scale", SCALES)
def test_units_do_not_matter(scale: float) -> None:
    for trace in (course(TURNS), course(TURNS + wobble(0.02)), course(FLAT)):
        assert summarize(RULE, rescale(trace, scale)) == summarize(RULE, trace)


def test_too_little_to_judge() -> None:
    assert is_silent(RULE, make_trace(task="none"))
    assert "was measured after each epoch" in skip(RULE, make_trace(task="binary", loss=FALLING))
    assert "29 samples in the validation part" in skip(RULE, course(TURNS, samples=29))
    assert "9 epochs" in skip(RULE, course(TURNS[:9], loss=FALLING[:9]))
    assert "finite" in skip(RULE, course(TURNS, nonfinite=broken()))
    assert "left the finite numbers" in skip(RULE, course(np.where(EPOCHS == 50, np.nan, TURNS)))
    assert "below 0" in skip(RULE, course(TURNS - 1))


def test_growing_surer_of_few_mistakes_is_no_matter() -> None:
    """Nearly all of the loss was gained, and what is lost again doubles it all the same."""
    held = 0.04 + 0.0005 * np.abs(EPOCHS - 20) + 0.6 * np.exp(-EPOCHS / 3)
    assert held[-1] > 1.8 * held.min()
    assert is_silent(RULE, course(held, metrics={"constant_loss": 0.69}))
    assert find(RULE, course(held, metrics={"constant_loss": 0.1}))
    assert is_silent(RULE, course(held))  # over the first epoch, which began higher still
    assert find(Overtraining(lost=0.05), course(held, metrics={"constant_loss": 0.69}))
