from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlab.intervals import Z, mean_square, newcombe, subtract, wilson


def test_wilson_published() -> None:
    """Newcombe (1998), Statistics in Medicine 17:857, table I, method 3."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_newcombe_published() -> None:
    """Newcombe (1998), Statistics in Medicine 17:873, table II, method 10."""
    assert newcombe((56, 70), (48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe((9, 10), (3, 10)) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert newcombe((10, 10), (0, 20)) == pytest.approx((0.6791, 1.0), abs=5e-5)
    assert newcombe((0, 10), (0, 20)) == pytest.approx((-0.1611, 0.2775), abs=5e-5)


@given(n=st.integers(1, 2000), share=st.floats(0, 1))
def test_wilson_solves_its_own_equation(n: int, share: float) -> None:
    """The ends are the shares p at which (observed - p)^2 = z^2 p (1 - p)/n."""
    successes = round(share * n)
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert (successes / n - end) ** 2 == pytest.approx(Z**2 * end * (1 - end) / n, rel=1e-6, abs=1e-12)


@given(a=st.integers(0, 50), b=st.integers(0, 30))
def test_newcombe_turns_round(a: int, b: int) -> None:
    low, high = newcombe((a, 50), (b, 30))
    assert newcombe((b, 30), (a, 50)) == pytest.approx((-high, -low))
    assert low <= a / 50 - b / 30 <= high


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5), (math.nan, 5)])
def test_no_share(successes: float, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(successes, n)
    with pytest.raises(ValueError, match="no share"):
        newcombe((1, 2), (successes, n))


def test_subtract() -> None:
    assert subtract(5.0, (2.0, 9.0), 1.0, (-2.0, 5.0)) == (4.0 - 5.0, 4.0 + 5.0)


def test_mean_square_covers_heavy_tails() -> None:
    rng = np.random.default_rng(0)
    truth, hits = 2.0, 0  # variance of Laplace(1)
    for _ in range(1000):
        low, high = mean_square(float((rng.laplace(size=90) ** 2).mean()), 90)
        hits += low <= truth <= high
    assert 0.92 <= hits / 1000 <= 0.98
    assert mean_square(0.0, 10) == (0.0, 0.0)
