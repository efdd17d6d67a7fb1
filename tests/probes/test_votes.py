from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.engine.runs import train
from tests.probes.resting import rest
from trainlab.probes.votes import evaluate

DATA: dict[str, Any] = {"name": "wine", "standardize": True, "bootstrap": 1}
VALUES: dict[str, Any] = {"data": DATA, "loss": "cross_entropy", "model": {"width": 4}, "train": {"epochs": 3}}


def test_shares_of_each_class_on_the_part_before_the_draw() -> None:
    inputs, target = torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [1.0]])
    found = evaluate(rest(inputs[:1], target[:1], pool=(inputs, target), test=(inputs, target), loss="bce_logits", task="binary"))
    share = torch.sigmoid(torch.tensor(2.0)).item()
    assert found["train-votes"][0].flatten().tolist() == pytest.approx([0.5, 0.5, 1 - share, share])
    assert found["test-target"].tolist() == [[0, 1]]


def test_only_of_a_resample() -> None:
    assert evaluate(rest([[0.0]], [[0.0]], test=([[0.0]], [[0.0]]))) == {}


def test_members_of_an_ensemble_vote_on_the_same_samples() -> None:
    first, second = train(VALUES, VALUES | {"data": DATA | {"bootstrap": 2}}, probes=["votes"])
    assert first.arrays["train-votes"].shape == (142, 3)
    assert (first.arrays["train-target"] == second.arrays["train-target"]).all()
    assert first.arrays["test-votes"].sum(axis=1) == pytest.approx(1)
