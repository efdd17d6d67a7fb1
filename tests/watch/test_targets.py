"""Which classes a script's batches show."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import trainlab
from trainlab.watch._targets import Batches, read_classes

LOGITS = torch.randn(6, 3, requires_grad=True)
CLASSES = torch.tensor([0, 2, 1, 1, 0, 2])
BINARY = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("loss", "classes"),
    [
        (functional.cross_entropy(LOGITS, CLASSES), [0, 2, 1, 1, 0, 2]),
        (2 * functional.nll_loss(LOGITS.log_softmax(1), CLASSES) / 4, [0, 2, 1, 1, 0, 2]),
        (functional.cross_entropy(LOGITS, torch.tensor([0, -100, 1, 1, 0, 2])), [0, 1, 1, 0, 2]),
        (functional.binary_cross_entropy_with_logits(LOGITS[:, :1], BINARY[:, None]), [0, 1, 1, 0, 1, 1]),
        (functional.binary_cross_entropy(LOGITS[:, 0].sigmoid(), BINARY), [0, 1, 1, 0, 1, 1]),
        (functional.binary_cross_entropy_with_logits(LOGITS[:, 0], 0.9 * BINARY), None),
        (functional.mse_loss(LOGITS[:, 0], BINARY), None),
        (functional.cross_entropy(LOGITS.reshape(1, 3, 2, 3), torch.zeros(1, 2, 3, dtype=torch.long)), None),
    ],
)
def test_the_classes_behind_a_loss(loss: torch.Tensor, classes: list[int] | None) -> None:
    assert read_classes(loss) == classes


def test_purity_is_that_of_the_indicators() -> None:
    stream = np.random.default_rng(0)
    batches = [stream.integers(0, 4, size) for size in (8, 8, 5, 8, 8, 8, 8, 8, 8, 8, 3)]
    measured = Batches()
    for batch in batches:
        measured.add(batch.tolist())
    values = np.eye(4)[np.concatenate(batches)]
    total = ((values - values.mean(0)) ** 2).sum()
    within = sum(((np.eye(4)[batch] - np.eye(4)[batch].mean(0)) ** 2).sum() for batch in batches)
    assert measured.measure() == pytest.approx({"batch_purity": 1 - within / total, "batch_purity_shuffled": 10 / 79})


def test_too_little_to_tell() -> None:
    few, one = Batches(), Batches()
    for turn in range(10):
        one.add([3, 3])
        if turn < 9:
            few.add([0, 1])
    assert few.measure() == one.measure() == {}


@pytest.mark.parametrize("is_sorted", [False, True])
def test_batches_of_one_class_each(is_sorted: bool) -> None:
    torch.manual_seed(0)
    target = torch.arange(3).repeat_interleave(80)
    inputs = torch.randn(240, 4) + target[:, None]
    order = torch.arange(240) if is_sorted else torch.randperm(240)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with trainlab.watch(model, max_overhead=1e9, every=2) as watched:
        for batch in order.split(8):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs[batch]), target[batch]).backward()
            optimizer.step()
    found = [each for each in watched.report.findings if each.code == "D002"]
    assert "D002" not in {each.code for each in watched.report.skipped}
    assert len(found) == is_sorted
    if found:
        assert found[0].evidence["purity"] == pytest.approx(1)
        assert "shuffle=True in a DataLoader" in found[0].message


def test_halves_of_one_update_belong_together() -> None:
    """A discriminator is shown real samples in one backward pass, made ones in the next, and steps after both."""
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with trainlab.watch(model, max_overhead=1e9) as watched:
        for _ in range(20):
            optimizer.zero_grad()
            for kind in (torch.ones(8, 1), torch.zeros(8, 1)):
                functional.binary_cross_entropy_with_logits(model(torch.randn(8, 4)), kind).backward()
            optimizer.step()
    assert "D002" not in {each.code for each in (*watched.report.findings, *watched.report.skipped)}
