from __future__ import annotations

import torch

from trainlab.device import make_generator
from trainlab.engine._batches import Order, expand, iterate_batches
from trainlab.step import Batch

PART = Batch(inputs=torch.arange(10.0).reshape(10, 1), target=torch.arange(10))


def indices(seeds, size, *, shuffle=True, runs=None, epochs=1):
    order = Order(seeds, 10, shuffle=shuffle)
    runs = runs or (lambda: list(range(len(seeds))))
    return [[batch.target.tolist() for batch in iterate_batches(PART, size, order, runs)] for _ in range(epochs)]


def test_every_sample_once_an_epoch_and_a_smaller_last_batch():
    for epoch in indices([0, 1], 4, epochs=3):
        assert [len(batch[0]) for batch in epoch] == [4, 4, 2]
        for row in (0, 1):
            assert sorted(index for batch in epoch for index in batch[row]) == list(range(10))


def test_inputs_and_targets_belong_together():
    for batch in iterate_batches(PART, 3, Order([5], 10, shuffle=True), lambda: [0]):
        assert batch.inputs.shape == (1, batch.target.shape[1], 1)
        assert torch.equal(batch.inputs[:, :, 0].long(), batch.target)


def test_the_order_belongs_to_the_seed():
    stream = make_generator(3, "shuffle")
    wanted = [torch.randperm(10, generator=stream).tolist() for _ in range(2)]
    for seeds, row in (([3], 0), ([1, 3, 3], 1), ([1, 3, 3], 2), ([9, 8, 7, 3], 3)):
        epochs = indices(seeds, 10 - 1, epochs=2)
        assert [[index for batch in epoch for index in batch[row]] for epoch in epochs] == wanted


def test_without_shuffling_the_order_is_that_of_the_data():
    assert indices([0, 1], 6, shuffle=False, epochs=2) == [[[[0, 1, 2, 3, 4, 5]] * 2, [[6, 7, 8, 9]] * 2]] * 2


def test_the_full_batch_is_neither_copied_nor_reordered_nor_drawn():
    order = Order([0, 1, 2], 10, shuffle=True)
    (batch,) = iterate_batches(PART, 10, order, lambda: [0, 1, 2])
    assert batch.inputs.shape == (3, 10, 1)
    assert batch.inputs.data_ptr() == PART.inputs.data_ptr()
    assert batch.target.tolist() == [list(range(10))] * 3
    assert indices([0, 1, 2], 99) == [[[list(range(10))] * 3]]


def test_runs_may_leave_within_an_epoch():
    left = [[0, 1, 2], [0, 2], [2, 2]]
    alone = indices([12], 4)[0]
    (epoch,) = indices([10, 11, 12], 4, runs=iter(left).__next__)
    assert [len(batch) for batch in epoch] == [3, 2, 2]
    assert [batch[-1] for batch in epoch] == [batch[0] for batch in alone]


def test_data_without_a_target():
    part = Batch(inputs=torch.ones(5, 2), target=None)
    assert [batch.target for batch in iterate_batches(part, 2, Order([0], 5, shuffle=True), lambda: [0])] == [None] * 3
    assert expand(part, 4).inputs.shape == (4, 5, 2)
    assert expand(part, 4).target is None
