from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.probes.resting import rest
from trainlab.probes.class_recall import evaluate

CLASSES = {"loss": "cross_entropy", "task": "multiclass"}


def test_counts_and_recall_by_hand():
    said = torch.eye(3)[[0, 0, 1, 1, 0]]
    found = evaluate(
        rest(said, torch.tensor([0, 0, 0, 1, 1]), network=lambda x: x, test=(said[:2], torch.tensor([0, 2])), **CLASSES)
    )
    assert found["train-class-count"].tolist() == [[3, 2, 0]]
    recall = found["train-class-recall"][0]
    assert recall[:2].tolist() == [2 / 3, 1 / 2]
    assert torch.isnan(recall[2])
    assert found["test-class-count"].tolist() == [[1, 0, 1]]
    assert found["test-class-recall"][0, [0, 2]].tolist() == [1, 0]


def test_two_classes_and_one_output():
    found = evaluate(rest(torch.tensor([[0.9], [0.2], [0.1]]), torch.tensor([[1.0], [1.0], [0.0]]), loss="bce", task="binary"))
    assert found["train-class-recall"].tolist() == [[1, 0.5]]


def test_the_mean_recall_of_the_validation_part():
    said = torch.eye(3)[[0, 0, 1, 1, 0]]
    held = rest(said, torch.tensor([0, 0, 0, 1, 1]), network=lambda x: x, **CLASSES)
    found = evaluate(replace(held, validation=held.train))
    assert found["validation_balanced_accuracy"].tolist() == pytest.approx([(2 / 3 + 1 / 2) / 2])  # there is no third class
    assert found["validation-balanced"].mean() == found["validation_balanced_accuracy"]
    assert found["validation-balanced"][0].tolist() == pytest.approx([5 / 6, 5 / 6, 0, 5 / 4, 0])


def test_a_network_of_nan_tells_nothing():
    found = evaluate(rest(torch.full((2, 1), torch.nan), torch.tensor([[1.0], [0.0]]), loss="bce", task="binary"))
    assert torch.isnan(found["train-class-recall"]).all()


def test_numbers_and_steps_have_no_classes():
    assert evaluate(rest(torch.ones(3, 1), torch.ones(3, 1))) == {}
    assert evaluate(rest(torch.ones(3, 4).long(), torch.ones(3, 4).long(), **CLASSES)) == {}
