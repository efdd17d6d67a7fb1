from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from trainlab.config import validate
from trainlab.data import Dataset, load
from trainlab.errors import UserError


def make(name: str = "wine", **data) -> Dataset:
    return load(validate({"data": {"name": name, **data}}).data)


def rows(dataset: Dataset) -> dict[str, list]:
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {name: part[0].tolist() for name, part in parts.items() if part is not None}


def test_a_validation_part_comes_out_of_what_is_left_and_leaves_the_test_part_as_it_is():
    whole, without, parts = make(test_fraction=0.0), make(), make(validation_fraction=0.25)
    assert rows(parts)["test"] == rows(without)["test"]
    assert [len(rows(parts)[name]) for name in ("train", "validation", "test")] == [97, 45, 36]
    together = [row for part in rows(parts).values() for row in part]
    assert sorted(together) == sorted(rows(whole)["train"])
    assert without.validation is None
    only = make(test_fraction=0.0, validation_fraction=0.25)
    assert only.test is None
    assert len(only.validation[0]) == 45


def test_a_validation_part_alone_leaves_the_rest_in_their_order():
    whole, parts = rows(make(test_fraction=0.0)), rows(make(test_fraction=0.0, validation_fraction=0.25))
    assert parts["train"] == [row for row in whole["train"] if row not in parts["validation"]]
    apart = rows(make(validation_fraction=0.25))
    assert apart["train"] != [row for row in whole["train"] if row in apart["train"]]  # a test part has shuffled them


def test_stratified_parts_have_the_shares_of_the_classes():
    dataset = make("iris", stratify=True, validation_fraction=0.2)
    for part, each in ((dataset.train, 30), (dataset.validation, 10), (dataset.test, 10)):
        assert torch.bincount(part[1]).tolist() == [each] * 3
    x, y = make("iris", test_fraction=0.0).train
    expected = train_test_split(x.numpy(), test_size=0.2, random_state=42, stratify=y.numpy())[1]
    assert np.array_equal(make("iris", stratify=True).test[0].numpy(), expected)


@pytest.mark.parametrize("stratify", [False, True])
def test_folds_are_scikit_learns(stratify):
    x, y = (each.numpy() for each in make("iris", test_fraction=0.0).train)
    kind = StratifiedKFold if stratify else KFold
    truth = kind(5, shuffle=True, random_state=3).split(x, y)
    tested = []
    for fold, (train, test) in enumerate(truth):
        dataset = make("iris", folds=5, fold=fold, seed=3, stratify=stratify, test_fraction=0.9)
        assert np.array_equal(dataset.train[0].numpy(), x[train])
        assert np.array_equal(dataset.test[0].numpy(), x[test])
        tested += test.tolist()
    assert sorted(tested) == list(range(150))


def test_a_validation_part_beside_a_fold():
    dataset = make("iris", folds=3, validation_fraction=0.1)
    assert [len(part) for part in rows(dataset).values()] == [85, 15, 50]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"fold": 1}, "data.fold: needs `folds`"),
        ({"folds": 3, "fold": 3}, "data.fold: must be below `folds`, which is 3"),
        ({"folds": 1}, "data.folds: must be a whole number of at least 2"),
        (
            {"test_fraction": 0.5, "validation_fraction": 0.5},
            "validation_fraction: leaves nothing to train on, with `test_fraction: 0.5`",
        ),
        ({"samples": 4, "folds": 5}, "data.folds: leaves a part of the 4 samples empty"),
        ({"samples": 2, "validation_fraction": 0.7}, "data.validation_fraction: there is only one sample, which cannot be split"),
        (
            {"samples": 5, "stratify": True},
            "data.stratify: the 5 samples cannot be split by class: class . has 1 sample, and there are 2 parts",
        ),
        (
            {"samples": 30, "stratify": True, "folds": 20},
            "data.stratify: the 30 samples cannot be split by class: class . has . samples, and there are 20 parts",
        ),
        (
            {"samples": 20, "stratify": True, "test_fraction": 0.1},
            "data.test_fraction: the 20 samples cannot be split by class: a part would have fewer samples than there are classes",
        ),
        ({"samples": 1}, "data.test_fraction: there is only one sample, which cannot be split"),
        ({"name": "diabetes", "stratify": True}, "data.stratify: needs one class a sample"),
        ({"name": "copy", "stratify": True}, "data.stratify: needs one class a sample"),
    ],
)
def test_mistakes(data, message):
    with pytest.raises(UserError, match=message):
        make(**data)


def test_seeds_beyond_32_bits():
    for name in ("wine", "moons", "classification", "blobs"):
        assert make(name, seed=2**63 - 1).test is not None
    assert make(seed=2**62, folds=3).test is not None
