from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainlab.engine import _grouping, _ways
from trainlab.engine._grouping import group
from trainlab.engine._ways import count_products

from .runs import prepare

BASE: dict[str, Any] = {"data": {"name": "random", "samples": 20, "features": 3, "classes": 2}, "loss": "cross_entropy"}


def groups(*values: dict[str, Any]) -> list[list[int]]:
    return group([prepare({**BASE, **each}) for each in values])


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 5},
        {"optimizer": {"lr": 0.5, "momentum": 0.9, "weight_decay": 0.1, "dampening": 0.1}},
        {"optimizer": {"momentum": 0.9, "nesterov": True}},
        {"schedule": "cosine"},
        {"schedule": {"name": "plateau", "warmup": 10}},
        {"model": {"init": "he_normal"}},
        {"clip": {"mode": "norm", "threshold": 2.0}},
        {"clip": {"mode": "value", "threshold": 2.0}},
        {"rules": {"G001": {"ratio": 0.1}}},
        {"regularize": {"max_norm": 2.0}},
    ],
)
def test_what_a_stack_holds_as_a_column(other):
    assert groups({}, other) == [[0, 1]]


@pytest.mark.parametrize(
    "other",
    [
        {"optimizer": "adam"},
        {"optimizer": "adamw"},
        {"optimizer": "rmsprop"},
        {"model": {"width": 7}},
        {"model": {"layers": 3}},
        {"model": {"activation": "tanh"}},
        {"model": {"freeze": ["model.0.*"]}},
        {"model": {"dropout": 0.5}},
        {"loss": "mse"},
        {"data": {**BASE["data"], "seed": 1}},
        {"train": {"epochs": 2}},
        {"train": {"updates": 1}},
        {"train": {"batch_size": 5}},
        {"train": {"shuffle": False}},
        {"train": {"precision": "float64"}},
        {"train": {"accumulate": 2, "batch_size": 5}},
        {"regularize": {"label_smoothing": 0.1}},
        {"regularize": {"adversarial": 0.1}},
        {"regularize": {"input_noise": 0.1}},
        {"regularize": {"weight_noise": 0.1}},
    ],
)
def test_what_needs_a_stack_of_its_own(other):
    assert groups({}, other, {}) == [[0, 2], [1]]


def test_patience_is_a_number_and_whether_the_validation_loss_is_looked_at_is_not():
    data = {**BASE["data"], "validation_fraction": 0.2}
    stops = [{"early_stopping": each} for each in (3, None, {"patience": 5, "min_delta": 0.1})]
    assert groups(*[{"data": data, "train": train} for train in stops], {"data": data, "schedule": "plateau"}) == [[0, 2, 3], [1]]


def test_shares_of_dropout_are_numbers_and_whether_anything_is_dropped_is_not():
    assert groups(*[{"model": {"dropout": share}} for share in (0.0, 0.2, 0.4)]) == [[0], [1, 2]]


def test_adam_and_adamw_are_one_family():
    kinds = ["adam", "adamw", "nadam", {"name": "adam", "amsgrad": True}, "radam", {"name": "nadam", "weight_decay": 0.1}]
    assert groups(*[{"optimizer": each} for each in kinds]) == [[0, 1, 3], [2, 5], [4]]


def test_a_stack_has_a_limit(monkeypatch):
    monkeypatch.setattr(_grouping, "MAX_ROWS", 3)
    assert groups(*[{"seed": seed} for seed in range(7)]) == [[0, 1, 2], [3, 4, 5], [6]]


def test_activations_and_weights_limit_a_stack(monkeypatch):
    by_hand = [{"seed": seed, "model": {"width": 50}} for seed in range(40)]
    runs = [{"seed": seed, "model": {"width": 50, "norm": "layer"}} for seed in range(40)]
    assert len(groups(*runs)) == 1
    monkeypatch.setattr(_grouping, "CACHE_BYTES", 20 * 50 * 4 * 10)  # ten runs of 20 samples and 50 units in float32
    assert [len(each) for each in groups(*runs)] == [10, 10, 10, 10]
    monkeypatch.setattr(_grouping, "CACHE_BYTES", 1)
    assert {len(each) for each in groups(*runs)} == {2}  # never fewer
    assert len(groups(*by_hand)) == 1  # which takes them slice by slice
    monkeypatch.undo()
    weights = 3 * 50 + 50 + 2 * 50 + 50 * 2 + 2
    monkeypatch.setattr(_grouping, "STATE_BYTES", weights * 4 * 8 * 20)
    assert [len(each) for each in groups(*runs)] == [20, 20]


def test_stacks_are_about_equal_and_need_no_padding(monkeypatch):
    monkeypatch.setattr(_grouping, "MAX_ROWS", 30)
    model = {"width": 5, "activation": "sigmoid"}  # of 20 samples: eight rows fill whole registers
    assert [len(each) for each in groups(*[{"seed": seed, "model": model} for seed in range(64)])] == [24, 24, 16]
    assert [len(each) for each in groups(*[{"seed": seed} for seed in range(64)])] == [22, 22, 20]


def test_batches_limit_a_stack(monkeypatch):
    runs = [{"seed": seed, "train": {"batch_size": 5}} for seed in range(8)]
    work = prepare({**BASE, **runs[0]})
    monkeypatch.setattr(_grouping, "STATE_BYTES", 4 * (work.layout.total * 8 + 5 * 3) * 4)
    assert [len(each) for each in groups(*runs)] == [4, 4]


def test_large_runs_train_one_after_the_other(monkeypatch):
    runs = [{"seed": seed, "model": {"width": 8}} for seed in range(3)]
    work = prepare({**BASE, **runs[0]})
    products = count_products(work.model, work.train.inputs)
    assert products == 3 * 8 + 8 * 2
    monkeypatch.setattr(_ways, "HEAVY", 20 * products)
    monkeypatch.setattr(_ways, "_chosen", {})
    assert groups(*runs) == [[0, 1, 2]]
    monkeypatch.setattr(_ways, "HEAVY", 20 * products - 1)
    monkeypatch.setattr(_ways, "_chosen", {})
    monkeypatch.setattr(_grouping, "CACHE_BYTES", 1)
    assert groups(*runs) == [[0], [1], [2]]
    assert _grouping.find_way(work).program.how.startswith("one by one: one run fills the processor")


def test_products_of_steps_and_pixels():
    assert count_products(nn.Conv2d(2, 3, 3, padding=1), torch.zeros(5, 2, 4, 6)) == 24 * 3 * 2 * 9
    assert count_products(nn.Linear(4, 6), torch.zeros(5, 7, 4)) == 7 * 24
    assert count_products(nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 6)), torch.zeros(5, 7, dtype=torch.int64)) == 7 * 24


def test_what_is_evaluated_at_a_time_is_bounded(monkeypatch):
    work = prepare({**BASE, "model": {"width": 50}, "train": {"batch_size": 2}})
    monkeypatch.setattr(_grouping, "PIECE_BYTES", 50 * 4 * 20 * 6)
    assert _grouping.count_rows_at_rest(work, 20) == 6
    assert _grouping.count_rows_at_rest(work, 40) == 3


def test_memory_grows_with_runs_and_samples():
    one, many = prepare(BASE), prepare({**BASE, "data": {**BASE["data"], "samples": 200}})
    assert _grouping.count_bytes([one] * 8) == 4 * _grouping.count_bytes([one])  # a single run takes two rows
    assert _grouping.count_bytes([many]) > _grouping.count_bytes([one])
