from __future__ import annotations

import numpy as np
import pytest
import torch

from trainlab.config import validate
from trainlab.data import Dataset, load
from trainlab.errors import UserError

IMAGES = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)


@pytest.fixture
def save(tmp_path):
    def save(data: dict | None = None, **arrays) -> Dataset:
        path = tmp_path / "arrays.npz"
        np.savez(path, **arrays)
        load.cache_clear()
        return load(validate({"data": {"name": "npz", "path": str(path), "test_fraction": 0.0, **(data or {})}}).data)

    return save


@pytest.mark.parametrize("names", [("x", "y"), ("inputs", "target"), ("images", "labels")])
def test_arrays_of_usual_names(save, names):
    dataset = save(**{names[0]: IMAGES, names[1]: np.array([3, 7])})
    assert torch.equal(dataset.train[0], torch.from_numpy(IMAGES).float())
    assert dataset.train[1].tolist() == [0, 1]
    assert (dataset.shape, dataset.task, dataset.classes) == ((3, 4, 5), "binary", 2)
    assert dataset.seen_as("image").train[0].shape == (2, 3, 4, 5)


def test_arrays_by_name(save):
    dataset = save({"inputs": "b", "target": "a"}, a=np.array([0.5, 1.5]), b=np.array([1.0, 2.0]), y=np.zeros(2))
    assert dataset.train[0].tolist() == [[1], [2]]
    assert dataset.train[1].tolist() == [[0.5], [1.5]]


@pytest.mark.parametrize(
    ("target", "settings", "task", "shape"),
    [
        (np.array([0.5, 1, 2]), {}, "regression", (3, 1)),
        (np.array([[0.5, 1], [2, 3], [4, 5]]), {}, "regression", (3, 2)),
        (np.array([[1], [2], [3]]), {}, "multiclass", (3,)),
        (np.array([1, 2, 3]), {"task": "numbers"}, "regression", (3, 1)),
        (np.array([1.0, 2.0, 1.0]), {"task": "classes"}, "binary", (3,)),
        (np.array(["cat", "dog", "cat"]), {}, "binary", (3,)),
        (np.array([True, False, True]), {}, "binary", (3,)),
        (np.arange(12).reshape(3, 4), {}, "multiclass", (3, 4)),
        (np.zeros((3, 4, 2)), {}, "regression", (3, 4, 2)),
    ],
)
def test_targets(save, target, settings, task, shape):
    dataset = save(settings, x=np.zeros((3, 4, 2)), y=target)
    assert dataset.task == task
    assert dataset.train[1].shape == shape
    assert dataset.every_step == (shape[1:2] == (4,))


def test_tokens(save):
    dataset = save({"tokens": True}, x=np.array([[1, 2], [4, 0]], dtype=np.uint8), y=np.array([0, 1]))
    assert dataset.train[0].tolist() == [[1, 2], [4, 0]]
    assert (dataset.train[0].dtype, dataset.tokens, dataset.shape) == (torch.int64, 5, (2,))


@pytest.mark.parametrize(
    ("arrays", "settings", "message"),
    [
        ({"a": np.zeros(2), "b": np.zeros(2)}, {}, "data.inputs: the file has none of x, inputs, .*: name one.* Choices: a, b"),
        ({"x": np.zeros(2), "b": np.zeros(2)}, {}, "data.target: the file has none of y, .* Choices: x, b"),
        ({"x": np.zeros(2), "classes": np.zeros(2)}, {"target": "class"}, "no such array .*got class.*; did you mean 'classes'"),
        ({"x": np.zeros(2), "y": np.zeros(3)}, {}, "data.target: has 3 entries, and there are 2 samples"),
        ({"x": np.array(["a", "b"]), "y": np.zeros(2)}, {}, "data.inputs: must hold numbers, one or more a sample, and is <U1"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, {}, "data.inputs: must hold numbers"),
        ({"x": np.zeros(2), "y": np.float64(3)}, {}, "data.target: must hold numbers"),
        ({"x": np.zeros((1, 2, 3, 4, 5)), "y": np.zeros(1)}, {}, "at most 4 dimensions, and has 5"),
        ({"x": np.zeros((2, 3)), "y": np.zeros(2)}, {"tokens": True}, "data.inputs: must hold whole numbers"),
        ({"x": np.zeros(2, dtype=int), "y": np.zeros(2)}, {"tokens": True}, "tokens are numbers from 0 on"),
        ({"x": -np.ones((2, 3), dtype=int), "y": np.zeros(2)}, {"tokens": True}, "tokens are numbers from 0 on"),
        ({"x": np.zeros(2), "y": np.array(["a", "b"])}, {"task": "numbers"}, "data.target: must hold numbers, and holds text"),
        ({"x": np.zeros(2), "y": np.array([None, 1], dtype=object)}, {}, "data.path: is no file of arrays: .*allow_pickle"),
    ],
)
def test_mistakes(save, arrays, settings, message):
    with pytest.raises(UserError, match=message):
        save(settings, **arrays)


def test_other_files(tmp_path):
    path = tmp_path / "one.npz"
    read = lambda: load(validate({"data": {"name": "npz", "path": str(path)}}).data)  # noqa: E731
    with pytest.raises(UserError, match=r"data.path: there is no such file"):
        read()
    for content, reason in ((b"", ", as `numpy.savez`"), (b"a,b\n1,2\n", ", as `numpy.savez`"), (b"PK\x03\x04 broken", ": ")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"data.path: is no file of arrays{reason}"):
            read()
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(UserError, match=r"data.path: must hold several arrays"):
        read()
