from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from trainlab import data
from trainlab.config import validate
from trainlab.data import Dataset
from trainlab.errors import UserError


def load(name: str = "classification", **settings: Any) -> Dataset:
    return data.load(validate({"data": {"name": name, **settings}}).data)


def find_shifts(image: Tensor, copy: Tensor) -> list[tuple[int, int]]:
    """By how many rows and columns of at most 2 the image must be moved, with nothing coming in, to be the copy."""
    wide = torch.nn.functional.pad(image, [2] * 4)
    places = [(row, column) for row in range(5) for column in range(5)]
    return [(row - 2, column - 2) for row, column in places if torch.equal(wide[row : row + 8, column : column + 8], copy)]


def test_copies_come_after_the_samples_with_the_same_targets() -> None:
    plain, more = load(), load(augment={"copies": 2, "noise": 0.1})
    inputs, target = more.train
    size = len(plain.train[0])
    assert len(inputs) == 3 * size
    assert torch.equal(inputs[:size], plain.train[0])
    assert target is not None
    assert plain.train[1] is not None
    assert torch.equal(target, plain.train[1].repeat(3))
    assert torch.equal(more.test[0], plain.test[0])  # type: ignore[index]  # there is a test part


def test_noise_has_the_size_of_each_feature() -> None:
    plain, more = load("wine"), load("wine", augment={"copies": 5, "noise": 0.3})
    size = len(plain.train[0])
    added = (more.train[0][size:] - plain.train[0].repeat(5, 1)).std(dim=0)
    assert torch.allclose(added, 0.3 * plain.train[0].std(dim=0), rtol=0.2)


def test_images_are_shifted_and_nothing_comes_in() -> None:
    plain, more = load("digits"), load("digits", augment={"copies": 1, "shift": 1})
    size = len(plain.train[0])
    shifts = [
        find_shifts(image.view(8, 8), copy.view(8, 8)) for image, copy in zip(plain.train[0], more.train[0][size:], strict=True)
    ]
    assert all(shifts)
    clear = {each[0] for each in shifts if len(each) == 1}
    assert clear == {(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)}


def test_a_number_is_how_many_copies() -> None:
    assert len(load(augment=1).train[0]) == 2 * len(load().train[0])


def test_scaling_comes_after_it() -> None:
    inputs = load("digits", augment={"copies": 1, "shift": 2}, standardize=True).train[0]
    assert torch.allclose(inputs.mean(dim=0), torch.zeros(64), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"name": "wine", "augment": {"copies": 1, "shift": 1}}, "data.augment.shift"),
        ({"name": "chars", "augment": {"copies": 1, "noise": 0.1}}, "data.augment"),
    ],
)
def test_samples_that_cannot_be_changed_so(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError) as caught:
        load(**settings)
    assert [problem.key for problem in caught.value.problems] == [key]
    assert "Augment" not in str(caught.value)
