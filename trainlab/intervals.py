"""Confidence intervals for shares, for differences, and for mean squared errors."""

from __future__ import annotations

import math

Z = 1.959963984540054  # standard normal quantile of a two-sided 95 % interval
Interval = tuple[float, float]


def wilson(successes: float, n: float, z: float = Z) -> Interval:
    """Score interval of a share; unlike share +- z * s.e. it is sound near 0 and 1 and for small n.

    With p = successes/n: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) (Wilson, 1927, JASA 22:209).

    Args:
        successes: how many of `n`.
        n: at least 1.
        z: quantile of the standard normal distribution.

    Returns:
        Lowest and highest share, within 0 and 1.

    Raises:
        ValueError: `successes` is not within 0 and `n`, or `n` is below 1.
    """
    if not (n >= 1 and 0 <= successes <= n):
        raise ValueError(f"{successes} of {n} is no share")
    share = successes / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else max(0.0, (middle - half) / scale)  # exactly 0 and 1 at the ends, whatever the rounding
    high = 1.0 if successes == n else min(1.0, (middle + half) / scale)
    return low, high


def newcombe(first: tuple[float, float], second: tuple[float, float], z: float = Z) -> Interval:
    """Interval of share 1 - share 2 of two independent samples: the hybrid score interval.

    Method 10 of Newcombe (1998, Statistics in Medicine 17:873): the Wilson intervals of the two, joined by `subtract`.

    Args:
        first: successes and sample size.
        second: likewise.
        z: quantile of the standard normal distribution.

    Raises:
        ValueError: as in `wilson`.
    """
    around_first, around_second = wilson(*first, z), wilson(*second, z)
    return subtract(first[0] / first[1], around_first, second[0] / second[1], around_second)


def subtract(first: float, around_first: Interval, second: float, around_second: Interval) -> Interval:
    """Interval of a difference of two independent estimates from the interval of each ("square and add").

    low = d - sqrt((a - a_low)^2 + (b_high - b)^2), high = d + sqrt((a_high - a)^2 + (b - b_low)^2), d = a - b
    (Zou & Donner, 2008, Statistics in Medicine 27:1693).
    """
    difference = first - second
    below = math.hypot(first - around_first[0], around_second[1] - second)
    above = math.hypot(around_first[1] - first, second - around_second[0])
    return difference - below, difference + above


def mean_square(value: float, n: float, kurtosis: float = 6.0, z: float = Z) -> Interval:
    """Interval of a mean of `n` squared errors, on the log scale.

    The variance of the log is about (kurtosis - 1)/n (delta method). 3 would be the kurtosis of Gaussian errors;
    6, that of Laplace's, is the careful choice where their distribution is not known.
    """
    factor = math.exp(z * math.sqrt((kurtosis - 1) / n))
    return value / factor, value * factor
