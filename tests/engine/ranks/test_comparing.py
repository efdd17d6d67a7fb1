from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from trainlab.engine.ranks._comparing import SMALL, Notes, find_error, find_factor, measure_difference
from trainlab.step import Layout

LAYOUT = Layout(names=("a", "b"), shapes=(torch.Size([2]), torch.Size([1])), sizes=(2, 1))


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


def test_each_parameter_by_its_own_largest_number() -> None:
    absolute, relative = measure_difference(LAYOUT, row(4.0, -2.0, 0.4), row(4.0, -1.0, 0.5))
    assert absolute.tolist() == pytest.approx([1.0, 0.1])
    assert relative.tolist() == pytest.approx([1 / 4, 0.1 / 0.5])


def test_what_is_rounding_is_measured_by_the_rest() -> None:
    """A gradient that is 0 but for rounding, beside one that is not."""
    _, relative = measure_difference(LAYOUT, row(4.0, 0.0, 1e-17), row(4.0, 0.0, -1e-17))
    assert relative.tolist() == pytest.approx([0.0, 2e-17 / (SMALL * 4)])
    _, nothing = measure_difference(LAYOUT, row(0.0, 0.0, 0.0), row(0.0, 0.0, 0.0))
    assert nothing.tolist() == [0.0, 0.0]


def test_what_is_no_number_is_infinitely_far() -> None:
    _, relative = measure_difference(LAYOUT, row(math.nan, 0.0, 1.0), row(1.0, 0.0, 1.0))
    assert relative.tolist() == [math.inf, 0.0]
    assert find_error(row(math.nan, 0.0, 1.0), row(1.0, 0.0, 1.0)) == math.inf


def test_error_and_factor() -> None:
    assert find_error(row(3.0, 0.0, 6.0), row(3.0, 0.0, 4.0)) == pytest.approx(2 / 5)
    assert find_error(row(0.0, 0.0, 0.0), row(0.0, 0.0, 0.0)) == 0
    assert find_error(row(1.0, 0.0, 0.0), row(0.0, 0.0, 0.0)) == math.inf
    assert find_factor(row(12.0, 0.0, 16.0), row(3.0, 0.0, 4.0)) == pytest.approx(4)
    assert math.isnan(find_factor(row(1.0, 0.0, 0.0), row(0.0, 0.0, 0.0)))


def test_notes_are_stacked_by_update() -> None:
    notes = Notes()
    for update in (1, 7):
        notes.at.append(update)
        notes.add("number", 0.5 * update)
        notes.add("numbers", torch.tensor([update, 2 * update]))
    found = notes.stack()
    assert found["at"].tolist() == [1, 7]
    assert found["number"].tolist() == [0.5, 3.5]
    assert np.array_equal(found["numbers"], [[1.0, 2.0], [7.0, 14.0]])
