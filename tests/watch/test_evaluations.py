from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from trainlab.watch import Observer
from trainlab.watch._record import Record

INPUTS = torch.randn(4, 3)


@pytest.fixture
def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))


@pytest.fixture
def record(model: nn.Module) -> Iterator[Record]:
    """After one step under an observer."""
    observer = Observer()
    observer.install()
    train(model)
    (record,) = observer.records
    yield record
    assert observer.guard.trouble == ""
    observer.remove()
    assert all(not module._forward_pre_hooks for module in model.modules())


def train(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(INPUTS).sum().backward()
    optimizer.step()


def count(record: Record) -> tuple[int, int]:
    return record.counts["evaluated"], record.counts["training-mode"]


def test_passes_in_either_mode(model: nn.Module, record: Record) -> None:
    with torch.no_grad():
        for _ in range(3):
            model(INPUTS)
    assert count(record) == (3, 3)
    model.eval()
    with torch.inference_mode(), torch.no_grad():
        model(INPUTS)
    assert count(record) == (4, 3)
    assert all(not module._forward_pre_hooks for module in model.modules()), "nothing is left on the model"


def test_half_of_it_in_evaluation_mode_is_meant(model: nn.Module, record: Record) -> None:
    model[1].eval()

    @torch.no_grad()
    def sample() -> None:
        model(INPUTS)

    for _ in range(2):
        sample()
    assert count(record) == (2, 0)


def test_one_pass_between_two_steps_is_a_sample(model: nn.Module, record: Record) -> None:
    for _ in range(3):
        with torch.no_grad():
            model(INPUTS)
        train(model)
    assert count(record) == (0, 0)


def test_passes_with_gradient_do_not_count(model: nn.Module, record: Record) -> None:
    for _ in range(3):
        model(INPUTS)
    assert count(record) == (0, 0)


def test_an_error_inside(model: nn.Module, record: Record) -> None:
    with pytest.raises(RuntimeError), torch.no_grad():
        model(torch.zeros(1, 1, 1))
    model(INPUTS)
    model(INPUTS)
    assert count(record) == (0, 0)
