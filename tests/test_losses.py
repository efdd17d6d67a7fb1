from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st

from trainlab.errors import UserError
from trainlab.losses import LOSSES, bce_each, count_outputs, shape_target

CLASSES = torch.tensor([0, 1, 1, 0])


def shape(target, loss, task, outputs, classes=2):
    return shape_target(target, loss=loss, task=task, outputs=outputs, classes=classes, dtype=torch.float64)


def test_bce_is_computed_in_float32_under_autocast():
    output, target = torch.tensor([0.25, 0.999, 7.0], dtype=torch.bfloat16), torch.tensor([0.0, 1.0, 1.0])
    with torch.autocast("cpu", torch.bfloat16):
        found = bce_each(output, target)
    assert found.dtype == torch.float32
    assert found[:2].tolist() == F.binary_cross_entropy(output[:2].float(), target[:2], reduction="none").tolist()
    assert found[2].isnan()


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("mse", F.mse_loss),
        ("l1", F.l1_loss),
        ("huber", F.huber_loss),
        ("bce", F.binary_cross_entropy),
        ("bce_logits", F.binary_cross_entropy_with_logits),
    ],
)
def test_losses_are_torchs(name, loss):
    stream = torch.Generator().manual_seed(0)
    output = torch.rand(7, 3, generator=stream, dtype=torch.float64).requires_grad_()
    target = torch.rand(7, 3, generator=stream, dtype=torch.float64)
    ours, theirs = LOSSES[name](output, target), loss(output, target)
    assert ours.item() == theirs.item()
    slopes = [torch.autograd.grad(each, output)[0] for each in (ours, theirs)]
    assert torch.allclose(*slopes, rtol=1e-14, atol=0)


def test_cross_entropy_and_sum():
    output = torch.tensor([[1.0, 3.0], [0.0, 0.0]])
    wanted = (math.log(1 + math.exp(2)) + math.log(2)) / 2
    assert LOSSES["cross_entropy"](output, torch.tensor([0, 1])).item() == pytest.approx(wanted)
    assert LOSSES["sum"](output, None).item() == 4


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.3])), min_size=1))
def test_binary_cross_entropy_is_torchs_between_0_and_1(pairs):
    output, target = torch.tensor(pairs, dtype=torch.float64).T
    assert torch.equal(bce_each(output, target), F.binary_cross_entropy(output, target, reduction="none"))


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan, math.inf, -math.inf])
def test_binary_cross_entropy_of_what_is_no_share_is_nan_not_an_error(wrong):
    output = torch.tensor([[0.5], [wrong]], requires_grad=True)
    target = torch.ones(2, 1)
    each = bce_each(output, target)
    assert each[0].item() == pytest.approx(math.log(2))
    assert each[1].isnan()
    assert torch.autograd.grad(each[0], output)[0].flatten().tolist() == [-2.0, 0.0]
    assert LOSSES["bce"](output, target).isnan()


@pytest.mark.parametrize(
    ("loss", "task", "classes", "targets", "outputs"),
    [
        ("mse", "regression", 0, 3, 3),
        ("l1", "regression", 0, 1, 1),
        ("bce", "binary", 2, 0, 1),
        ("bce_logits", "binary", 2, 0, 1),
        ("mse", "binary", 2, 0, 1),
        ("cross_entropy", "binary", 2, 0, 2),
        ("cross_entropy", "multiclass", 10, 0, 10),
        ("bce", "multiclass", 10, 0, 10),
        ("mse", "multiclass", 10, 0, 10),
        ("sum", "none", 0, 0, None),
        ("sum", "multiclass", 5, 0, 5),
        ("sum", "regression", 0, 2, 2),
    ],
)
def test_how_many_outputs_a_loss_needs(loss, task, classes, targets, outputs):
    assert count_outputs(loss, task, classes, targets) == outputs


def test_targets_of_numbers():
    target = torch.tensor([[1.0], [2.0]], dtype=torch.float32)
    shaped = shape(target, "mse", "regression", 1, 0)
    assert shaped.dtype == torch.float64
    assert shaped.tolist() == [[1], [2]]
    assert shape(torch.tensor([1.0, 2.0]), "mse", "regression", 1, 0).shape == (2, 1)


def test_targets_of_classes():
    assert shape(CLASSES, "cross_entropy", "binary", 2).tolist() == [0, 1, 1, 0]
    assert shape(CLASSES, "cross_entropy", "binary", 2).dtype == torch.int64
    one = shape(CLASSES, "bce", "binary", 1)
    assert one.dtype == torch.float64
    assert one.tolist() == [[0], [1], [1], [0]]
    assert shape(CLASSES, "mse", "binary", 2).tolist() == [[1, 0], [0, 1], [0, 1], [1, 0]]
    assert shape(torch.tensor([2, 0]), "bce_logits", "multiclass", 3, 3).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_the_sum_reads_no_target():
    assert shape(CLASSES, "sum", "binary", 2) is None
    assert shape(None, "sum", "none", 1, 0) is None


@pytest.mark.parametrize(
    ("target", "loss", "task", "outputs", "classes", "message"),
    [
        (None, "mse", "none", 1, 0, "no target, so only the loss `sum`"),
        (torch.ones(2, 1), "cross_entropy", "regression", 1, 0, "cross_entropy needs classes"),
        (torch.ones(2, 1), "bce", "regression", 1, 0, "bce needs classes"),
        (torch.ones(2, 1), "bce_logits", "regression", 1, 0, "bce_logits needs classes"),
        (torch.tensor([0, 4]), "bce", "multiclass", 1, 5, "these data have 5"),
    ],
)
def test_what_does_not_go_together(target, loss, task, outputs, classes, message):
    with pytest.raises(UserError, match=message):
        shape(target, loss, task, outputs, classes)
