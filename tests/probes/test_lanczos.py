"""Eigenvalues, next to those of matrices that are written down."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from trainlab.probes._lanczos import draw_signs, find_density, find_ends, find_trace


def make_matrix(values: Tensor, seed: int = 0) -> Tensor:
    """Symmetric, with these eigenvalues."""
    stream = torch.Generator().manual_seed(seed)
    turned, _ = torch.linalg.qr(torch.randn(len(values), len(values), generator=stream, dtype=torch.float64))
    return turned @ torch.diag(values) @ turned.T


def start(size: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


SPECTRA = {
    "spread": torch.linspace(-3, 5, 200, dtype=torch.float64),
    "bulk at 0": torch.cat([torch.zeros(190, dtype=torch.float64), torch.tensor([-0.01, *range(1, 10)], dtype=torch.float64)]),
    "close ends": torch.cat([torch.linspace(0, 1, 198, dtype=torch.float64), torch.tensor([-1e-3, 1.001], dtype=torch.float64)]),
    "all negative": -torch.linspace(1, 9, 200, dtype=torch.float64),
}


@pytest.mark.parametrize("room", [20, 80])
@pytest.mark.parametrize("name", SPECTRA)
def test_both_ends_within_their_error(name: str, room: int) -> None:
    values = SPECTRA[name]
    matrix = make_matrix(values)
    found = find_ends(lambda rows: rows @ matrix, start(200), tolerance=1e-7, most=2000, room=room)
    largest = float(values.abs().max())
    assert found.error <= 1e-7 * largest
    assert float(found.values[0]) == pytest.approx(float(values.min()), abs=1e-6 * largest)
    assert float(found.values[-1]) == pytest.approx(float(values.max()), abs=1e-6 * largest)
    for vector, value in ((found.lowest, values.min()), (found.highest, values.max())):
        assert float(vector.norm()) == pytest.approx(1.0)
        assert float((matrix @ vector - value * vector).norm()) <= 1e-5 * largest


def test_too_few_products_are_told_by_the_error() -> None:
    matrix = make_matrix(SPECTRA["spread"])
    found = find_ends(lambda rows: rows @ matrix, start(200), tolerance=1e-7, most=25, room=80)
    assert found.products == 25
    assert found.error > 1e-4
    assert 5 - float(found.values[-1]) <= found.error


def test_a_small_matrix_is_searched_whole() -> None:
    values = torch.tensor([-2.0, 0.0, 2.0], dtype=torch.float64)
    matrix = make_matrix(values)
    found = find_ends(lambda rows: rows @ matrix, start(3), tolerance=1e-7, most=100, room=80)
    assert found.values.tolist() == pytest.approx(values.tolist(), abs=1e-12)
    assert (found.error, found.products) == (0.0, 3)
    nothing = find_ends(torch.zeros_like, start(3), tolerance=1e-7, most=100, room=80)
    assert nothing.values.tolist() == [0.0]


def test_the_density_has_the_moments_of_the_spectrum() -> None:
    values = SPECTRA["spread"]
    matrix = make_matrix(values)
    places, shares = find_density(lambda rows: rows @ matrix, draw_signs(20, start(200), seed=0), steps=30)
    assert shares.sum(dim=1).tolist() == pytest.approx([1.0] * 20)
    assert float((places * shares).sum(dim=1).mean()) == pytest.approx(float(values.mean()), abs=0.2)
    above = float(shares[places > 0].sum()) / 20
    assert above == pytest.approx(float((values > 0).double().mean()), abs=0.03)


def test_a_density_that_ends_early_keeps_its_share() -> None:
    values = torch.tensor([-1.0] * 5 + [3.0] * 15, dtype=torch.float64)
    matrix = make_matrix(values)
    places, shares = find_density(lambda rows: rows @ matrix, draw_signs(50, start(20), seed=0), steps=8)
    assert places.shape == shares.shape == (50, 8)
    assert shares.sum(dim=1).tolist() == pytest.approx([1.0] * 50)
    assert float(shares[places > 0].sum()) / 50 == pytest.approx(0.75, abs=0.05)


def test_the_trace_within_a_few_standard_errors() -> None:
    values = SPECTRA["spread"]
    matrix = make_matrix(values)
    trace, error = find_trace(lambda rows: rows @ matrix, draw_signs(64, start(200), seed=0))
    assert abs(trace - float(values.sum())) < 3 * error < 30
    exact, none = find_trace(lambda rows: 2 * rows, draw_signs(4, start(10), seed=0))
    assert (exact, none) == (20.0, 0.0)
