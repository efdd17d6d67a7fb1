from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from trainlab.engine import _grouping, _rows, _ways
from trainlab.engine._rows import ALONE, Rows, choose_rows, find_inexact

from .runs import prepare, train

CLASSES: dict[str, Any] = {"data": {"name": "random", "samples": 100, "features": 3, "classes": 2}, "loss": "cross_entropy"}


def multiple(sizes=(100,), loss="cross_entropy", **model: Any) -> int:
    work = prepare({**CLASSES, "loss": loss, "model": {"width": 5, **model}})
    rows = choose_rows(work.model, loss, work.train.inputs, sizes)
    assert rows.least == 2
    return rows.multiple


def test_padding():
    assert Rows(2, 1).pad([0]) == [0, -1]
    assert Rows(2, 1).pad([4, 5, 6]) == [4, 5, 6]
    assert Rows(2, 8).pad([3]) == [3, *[-1] * 7]
    assert len(Rows(2, 8).pad(list(range(9)))) == 16
    assert ALONE.pad([0]) == [0]
    assert Rows(2, 8).pad([]) == []


@pytest.mark.parametrize("room", [Rows(2, 1), Rows(2, 8), Rows(2, 32), ALONE])
def test_slices_are_stacks_by_themselves(room):
    for runs in range(1, 70):
        rows = len(room.pad(list(range(runs))))
        for most in (0, 1, 2, 3, 9, 40):
            parts = room.split(rows, most)
            assert [row for part in parts for row in range(rows)[part]] == list(range(rows))
            sizes = [part.stop - part.start for part in parts]
            assert all(size >= room.least and size % room.multiple == 0 for size in sizes)
            assert max(sizes) < 2 * max(room.round(most), room.least)


def test_exact_networks_need_no_more_than_two():
    assert multiple(activation="relu") == multiple(activation="tanh", norm="layer") == multiple(norm="rms", residual=True) == 1


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [([100], 8), ([32], 1), ([64, 32], 1), ([64, 36], 8), ([7], 32), ([100, 1], 32)],
)
def test_numbers_of_all_rows_fill_whole_registers(sizes, wanted):
    assert multiple(sizes, activation="sigmoid") == wanted
    assert (wanted * sizes[-1] * 5) % 32 == 0


def test_the_width_helps_to_fill_them():
    assert multiple([7], activation="silu", width=16) == 2
    assert multiple([7], activation="silu", width=16, output="same", outputs=2) == 16
    assert multiple([100], norm="batch", width=20) == 8  # runs lie beside each other as channels
    assert multiple([100], norm="batch", width=64) == 1


def test_the_shares_of_attention_count_where_the_network_stacks_itself():
    small = {"kind": "transformer", "width": 4, "heads": 2, "activation": "relu"}
    assert multiple([1], **small) == 16  # 2 heads of 3 by 3 shares
    assert multiple([1], **small, dropout=0.1) == 1


def test_the_loss_counts():
    assert multiple([100], loss="bce_logits") == 8
    assert multiple([100], loss="bce", output="sigmoid") == 8


def test_which_modules_are_known():
    assert find_inexact(nn.Sequential(nn.Linear(1, 1), nn.Sigmoid(), nn.BatchNorm1d(1), nn.Conv2d(1, 1, 1))) is None
    assert find_inexact(nn.Sequential(nn.Linear(1, 1), nn.RReLU())) == "RReLU"
    assert find_inexact(nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.LSTM(1, 1)))) == "LSTM"


def test_filters_are_exact_with_one_thread_only(monkeypatch):
    model = nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 3), nn.ReLU())
    assert find_inexact(model) is None
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert find_inexact(model) == "Conv1d"


FILTERS: dict[str, Any] = {"data": {"name": "digits", "fraction": 0.1}, "loss": "cross_entropy"}


def choose_filters(monkeypatch, enough: int, **model: Any) -> tuple[Rows, list[int]]:
    """Where a stack of so many rows or more has the same bits; and the numbers of rows that were tried."""
    tried = []

    def compute(_model: nn.Module, _inputs: torch.Tensor, rows: int) -> list[torch.Tensor]:
        tried.append(rows)
        return [torch.tensor(float(rows >= enough))]

    monkeypatch.setattr(_rows, "_compute_first", compute)
    work = prepare({**FILTERS, "model": {"kind": "cnn", "layers": 3, **model}})
    return choose_rows(work.model, "cross_entropy", work.train.inputs, [1]), tried


def test_filters_that_read_few_channels_get_as_many_rows_as_they_need(monkeypatch):
    assert choose_filters(monkeypatch, 1, width=8)[0] == Rows(2, 1)
    assert choose_filters(monkeypatch, 7, width=8)[0] == Rows(8, 1)  # the image is one channel
    assert choose_filters(monkeypatch, 9, width=8)[0] == Rows(16, 1)
    assert choose_filters(monkeypatch, 50, width=8)[0] == Rows(64, 1)


def test_they_fill_registers_beside(monkeypatch):
    for enough in (1, 7, 20, 60):
        rows, tried = choose_filters(monkeypatch, enough, width=5, activation="sigmoid")
        assert rows.multiple == 2  # the second layer puts out 5 by 4 by 4 numbers
        assert rows.least >= enough
        assert all(each % rows.multiple == 0 for each in tried if each > 2)


def test_what_has_no_filters_of_few_channels_is_not_tried(monkeypatch):
    monkeypatch.setattr(_rows, "_compute_first", None)
    model = nn.Sequential(nn.Unflatten(1, (8, 2, 2)), nn.Conv2d(8, 8, 1), nn.Flatten(), nn.Linear(32, 2))
    assert choose_rows(model, "cross_entropy", torch.rand(4, 32), [4]) == Rows(2, 1)


def test_filters_compute_the_same_in_the_first_row_however_many_there_are():
    work = prepare({**FILTERS, "model": {"kind": "cnn", "layers": 3, "width": [3, 8]}})
    least = choose_rows(work.model, "cross_entropy", work.train.inputs, [32]).least
    wanted = _rows._compute_first(work.model, work.train.inputs[:2], 40)
    assert len(wanted) == 2 + len(list(work.model.parameters()))
    for rows in range(least, 12):
        assert all(map(torch.equal, _rows._compute_first(work.model, work.train.inputs[:2], rows), wanted))


def test_they_are_tried_out_once_for_all_stacks_of_a_network(monkeypatch):
    compute, tried = _rows._compute_first, []
    monkeypatch.setattr(_rows, "_compute_first", lambda model, inputs, rows: tried.append(rows) or compute(model, inputs, rows))

    def count(most: int) -> int:
        tried.clear()
        monkeypatch.setattr(_grouping, "MAX_ROWS", most)
        _ways.forget_ways()
        values = {**FILTERS, "model": {"kind": "cnn", "width": 8}, "train": {"epochs": 1}}
        train(*[{**values, "seed": seed} for seed in range(6)], probes=["accuracy"])
        return len(tried)

    assert count(2) == count(1024) == 2


def test_torch_still_needs_this():
    """The reason for all this. If it fails, torch has mended it, and padding can go."""
    stream = torch.Generator().manual_seed(0)
    numbers = torch.randn(4000, generator=stream) * 3
    alone = torch.cat([F.mish(each) for each in numbers.split(1)])
    together = F.mish(numbers)
    assert torch.allclose(alone, together, rtol=1e-5)
    assert not torch.equal(alone, together)
