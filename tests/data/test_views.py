from __future__ import annotations

import pytest
import torch

from trainlab.config import validate
from trainlab.data import Dataset, load
from trainlab.data._views import reshape
from trainlab.errors import UserError


def make(name: str, **data) -> Dataset:
    return load(validate({"data": {"name": name, "validation_fraction": 0.1, **data}}).data)


def test_digits_are_vectors_images_and_rows():
    dataset = make("digits")
    assert (dataset.shape, dataset.features, dataset.image) == ((64,), 64, (1, 8, 8))
    image, rows = dataset.seen_as("image"), dataset.seen_as("sequence")
    assert (image.shape, rows.shape) == ((1, 8, 8), (8, 8))
    for part in ("train", "validation", "test"):
        vectors = getattr(dataset, part)
        assert torch.equal(getattr(image, part)[0][:, 0], vectors[0].view(-1, 8, 8))
        assert torch.equal(getattr(rows, part)[0], vectors[0].view(-1, 8, 8))
        assert getattr(image, part)[1] is vectors[1]
    assert dataset.seen_as("any").train[0] is dataset.train[0]
    assert torch.equal(image.seen_as("vector").train[0], dataset.train[0])


def test_a_vector_is_a_sequence_number_by_number():
    dataset = make("wine")
    assert dataset.seen_as("sequence").shape == (13, 1)
    with pytest.raises(UserError, match=r"model.kind: this network reads images, and these data have none"):
        dataset.seen_as("image")


def test_a_sequence_is_a_vector_and_an_image_of_one_channel():
    dataset = make("adding", length=6)
    assert dataset.seen_as("vector").shape == (12,)
    assert dataset.seen_as("image").shape == (1, 6, 2)
    assert dataset.seen_as("sequence").shape == (6, 2)
    assert dataset.seen_as("vector").targets == 1


def test_rows_of_a_colour_image_have_its_channels_side_by_side():
    image = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    rows = reshape(image, "sequence", tokens=0, image=None)
    assert rows.shape == (2, 4, 15)
    assert torch.equal(rows[1, 2], torch.cat([image[1, channel, 2] for channel in range(3)]))


def test_tokens_are_a_sequence_and_nothing_else():
    dataset = make("chars")
    assert dataset.seen_as("sequence").train[0] is dataset.train[0]
    for view in ("vector", "image"):
        with pytest.raises(UserError, match=rf"model.kind: this network reads {view}s, and these data are tokens: take rnn"):
            dataset.seen_as(view)
