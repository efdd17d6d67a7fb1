from __future__ import annotations

import numpy as np
import pytest

from trainlab.studies import _ramp

RATES = np.logspace(-6, 1, 200)


def make_loss(fall_at: float, rise_at: float, noise: float = 0.0) -> np.ndarray:
    """From 2 to 1 around one rate, and up again around another."""
    logs = np.log10(RATES)
    loss = 2 - 1 / (1 + np.exp(-6 * (logs - np.log10(fall_at)))) + 3 / (1 + np.exp(-6 * (logs - np.log10(rise_at))))
    return np.asarray(loss + noise * np.random.default_rng(0).normal(size=200))


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_between_the_steepest_fall_and_the_lowest_loss(noise: float) -> None:
    found = _ramp.suggest(RATES, make_loss(1e-3, 1.0, noise))
    assert found is not None
    assert 5e-4 < found.steepest < 2e-3
    assert found.steepest < found.lr < found.lowest < 1.0
    assert found.worse is not None
    assert 0.3 < found.worse < 3


def test_the_sign_of_the_loss_does_not_matter() -> None:
    loss = make_loss(1e-3, 1.0)
    found, moved = _ramp.suggest(RATES, loss), _ramp.suggest(RATES, loss - 3.0)
    assert found is not None
    assert moved is not None
    assert moved.lr == pytest.approx(found.lr)


def test_nothing_where_the_loss_never_falls_or_falls_by_noise() -> None:
    assert _ramp.suggest(RATES, np.full(200, 2.0)) is None
    assert _ramp.suggest(RATES, 2 + 0.1 * np.random.default_rng(1).normal(size=200)) is None
    assert _ramp.suggest(RATES, make_loss(1e3, 0.1)) is None
    assert _ramp.suggest(RATES[:10], np.linspace(2, 1, 10)) is None


def test_one_that_never_rises_again() -> None:
    found = _ramp.suggest(RATES, make_loss(1e-3, 1e9))
    assert found is not None
    assert found.worse is None
