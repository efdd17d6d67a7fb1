"""Dropout whose mask comes from outside."""

from __future__ import annotations

import torch

from trainlab.models.dropout import Dropout


def test_multiplies_in_training_and_not_at_rest() -> None:
    layer = Dropout(0.5)
    layer.mask = torch.tensor([[0.0, 2.0]])
    inputs = torch.tensor([[3.0, 4.0]])
    assert layer.train()(inputs).tolist() == [[0.0, 8.0]]
    assert layer.eval()(inputs).tolist() == [[3.0, 4.0]]


def test_left_alone_it_drops_nothing() -> None:
    assert Dropout(0.9)(torch.ones(2, 3)).tolist() == [[1.0] * 3] * 2


def test_the_mask_is_no_part_of_a_checkpoint() -> None:
    assert Dropout(0.5).state_dict() == {}
