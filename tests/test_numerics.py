from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainlab.numerics import angle_rows, norm_rows

LARGEST = float(torch.finfo(torch.float32).max)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


def root(value: Fraction) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        return (Decimal(value.numerator) / Decimal(value.denominator)).sqrt()


def exact_norm(row: list[float]) -> float:
    """With rational numbers and 50 digits; as torch, NaN before infinity."""
    if any(map(math.isnan, row)):
        return math.nan
    if any(map(math.isinf, row)):
        return math.inf
    return float(root(sum((Fraction(value) ** 2 for value in row), Fraction())))


def exact_angle(u: list[float], v: list[float]) -> float:
    """In degrees: |u|^2 |v|^2 - (u v)^2 is the squared sine, without rounding."""
    first, second = [Fraction(each) for each in u], [Fraction(each) for each in v]
    dot = sum(a * b for a, b in zip(first, second, strict=True))
    lengths = sum(a * a for a in first) * sum(b * b for b in second)
    cosine = root(dot * dot) / root(lengths)
    sine = root(lengths - dot * dot) / root(lengths)
    return math.degrees(math.atan2(float(sine), math.copysign(float(cosine), float(dot))))


@pytest.mark.parametrize("value", [1e-23, 1e-30, 1e-38, 1e20, 1e30])
def test_norms_of_numbers_whose_squares_float32_cannot_hold(value):
    rows = torch.full((3, 100), value)
    assert norm_rows(rows).tolist() == pytest.approx([10 * value] * 3, rel=1e-6)


def test_norms_of_subnormal_numbers():
    smallest = 2.0**-149
    rows = torch.tensor([[3 * smallest, 4 * smallest], [2.0**-140, 0.0]])
    assert norm_rows(rows).tolist() == [5 * smallest, 2.0**-140]


@pytest.mark.parametrize(
    ("row", "norm"),
    [([0.0, 0.0], 0.0), ([1.0, math.inf], math.inf), ([-math.inf, 0.0], math.inf), ([math.nan, 1.0], math.nan)],
)
def test_norms_of_zeros_and_of_what_is_no_number(row, norm):
    found = norm_rows(torch.tensor([row, [3.0, 4.0]])).tolist()
    assert found[0] == pytest.approx(norm, nan_ok=True)
    assert found[1] == 5.0


def test_a_norm_too_large_for_float32_is_infinite():
    assert norm_rows(torch.tensor([[3e38, 3e38]])).tolist() == [math.inf]


@settings(max_examples=200)
@given(st.integers(1, 5).flatmap(lambda size: st.lists(st.lists(st.floats(width=32), min_size=size, max_size=size), min_size=1)))
def test_norms_equal_exact_arithmetic(rows):
    for found, row in zip(norm_rows(torch.tensor(rows)).tolist(), rows, strict=True):
        wanted = exact_norm(row)
        if math.isfinite(wanted) and wanted > LARGEST * (1 - 1e-6):
            continue  # whether it still fits is a matter of rounding
        assert found == pytest.approx(wanted, rel=1e-6, abs=3e-45, nan_ok=True)


@given(st.lists(st.lists(finite, min_size=3, max_size=3), min_size=2, max_size=9))
def test_a_norm_is_the_same_bits_alone(rows):
    tensor = torch.tensor(rows)
    alone = torch.cat([norm_rows(tensor[index : index + 1]) for index in range(len(rows))])
    assert norm_rows(tensor).tolist() == alone.tolist()


def test_clipping_by_value_turns_and_by_norm_does_not():
    raw = torch.tensor([[100.0, 1.0]])
    assert angle_rows(raw, torch.tensor([[1.0, 1.0]])).item() == pytest.approx(44.427, abs=1e-4)
    assert angle_rows(raw, torch.tensor([[1.0, 1.0]])).item() == pytest.approx(45 - math.degrees(math.atan(0.01)), abs=1e-9)
    assert angle_rows(raw, raw * 0.01).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("angle", [1e-14, 1e-10, 1e-6, 1e-3, 1.0, 45.0, 90.0, 179.0, 179.999999])
def test_angles_from_the_tiniest_to_the_opposite(angle):
    radians = math.radians(angle)
    pair = torch.tensor([[1.0, 0.0], [math.cos(radians), math.sin(radians)]], dtype=torch.float64)
    assert angle_rows(pair[:1], pair[1:]).item() == pytest.approx(angle, rel=1e-9)


def test_the_angle_of_opposite_rows_and_of_rows_of_zeros():
    first = torch.tensor([[1.0, 2.0], [0.0, 0.0], [1.0, 0.0]])
    second = torch.tensor([[-1.0, -2.0], [1.0, 0.0], [0.0, 0.0]])
    assert angle_rows(first, second).tolist() == pytest.approx([180.0, math.nan, math.nan], nan_ok=True)


@given(st.lists(finite, min_size=3, max_size=3), st.lists(finite, min_size=3, max_size=3))
def test_angles_equal_exact_arithmetic(u, v):
    if not any(u) or not any(v):
        return
    found = angle_rows(torch.tensor([u]), torch.tensor([v])).item()
    assert found == pytest.approx(exact_angle(u, v), rel=1e-9, abs=1e-12)


def test_an_angle_is_the_same_bits_alone():
    stream = torch.Generator().manual_seed(0)
    first, second = torch.randn(41, 3, generator=stream), torch.randn(41, 3, generator=stream)
    alone = [angle_rows(first[row : row + 1], second[row : row + 1]).item() for row in range(41)]
    assert angle_rows(first, second).tolist() == alone
