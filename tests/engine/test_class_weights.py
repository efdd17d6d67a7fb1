"""Class weights in the loss, held against torch's own `weight=` in a plain loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from trainlab import engine
from trainlab.config import validate
from trainlab.errors import UserError

from .runs import assert_same, train

CPU = torch.device("cpu")
UPDATES = 50
GIVEN = [1.0, 2.5, 7.0]
# Hand-written, stacked by vmap (a normalisation), and one by one (a module that torch cannot stack).
WAYS: dict[str, dict[str, Any]] = {
    "by hand": {"kind": "mlp", "layers": 3, "width": 7},
    "vmap": {"kind": "mlp", "layers": 3, "width": 7, "norm": "layer"},
    "one by one": {"kind": "layers", "modules": [{"Linear": [4, 7]}, {"RReLU": [0.2, 0.2]}, {"Linear": [7, 3]}]},
}
TORCH: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "cross_entropy": lambda output, target, weights: F.cross_entropy(output, target, weight=weights),
    "bce_logits": lambda output, target, weights: F.binary_cross_entropy_with_logits(
        output, target, weight=weights[target.argmax(dim=1)][:, None]
    ),
    "bce": lambda output, target, weights: F.binary_cross_entropy(output, target, weight=weights[target.argmax(dim=1)][:, None]),
    "mse": lambda output, target, weights: F.mse_loss(output, target, weight=weights[target.argmax(dim=1)][:, None].expand(-1, 3)),
    "l1": lambda output, target, weights: F.l1_loss(output, target, weight=weights[target.argmax(dim=1)][:, None].expand(-1, 3)),
    "huber": lambda output, target, weights: F.huber_loss(
        output, target, weight=weights[target.argmax(dim=1)][:, None].expand(-1, 3)
    ),
}


def make(way: str, loss: str, weights: Any, **sections: Any) -> dict[str, Any]:
    model = dict(WAYS[way])
    if loss == "bce":
        model |= {"modules": [*model["modules"], {"Sigmoid": []}]} if way == "one by one" else {"output": "sigmoid"}
    data = {"name": "iris", "samples": 60, "standardize": True, "imbalance": 4, "class_weights": weights}
    return {
        "seed": 3,
        "model": model,
        "data": data | sections.pop("data", {}),
        "loss": loss,
        "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
        "train": {"epochs": UPDATES, "precision": "float64"},
    } | sections


def run_plain(values: dict[str, Any], weights: Tensor, loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> list[float]:
    work = engine.prepare(validate(values), CPU)
    model, target = work.model, work.train.target
    assert target is not None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    model.train()
    for _ in range(UPDATES):
        optimizer.zero_grad()
        found = loss(model(work.train.inputs), target, weights)
        found.backward()
        optimizer.step()
        losses.append(found.item())
    return losses


def count_classes(values: dict[str, Any]) -> Tensor:
    plain = values | {"loss": "cross_entropy"}
    target = engine.prepare(validate(plain), CPU).train.target
    assert target is not None
    return torch.bincount(target).double()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loss", TORCH)
def test_every_loss_equals_torchs_own_with_its_weight(way, loss):
    values = make(way, loss, GIVEN)
    (trace,) = train(values, probes=["accuracy"])
    weights = torch.tensor(GIVEN, dtype=torch.float64)
    np.testing.assert_allclose(trace.series["loss"].values, run_plain(values, weights, TORCH[loss]), rtol=0, atol=1e-9)
    other, *_ = train(make(way, loss, None), probes=[])
    assert not np.allclose(trace.series["loss"].values, other.series["loss"].values, atol=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_smoothed_labels_are_weighted_as_torch_weighs_them(way):
    values = make(way, "cross_entropy", GIVEN, regularize={"label_smoothing": 0.2})
    (trace,) = train(values, probes=["weight-norm"])
    hard = make(way, "cross_entropy", GIVEN)
    weights = torch.tensor(GIVEN, dtype=torch.float64)
    reported: list[float] = []

    def smooth(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        reported.append(F.cross_entropy(output, target, weight=weights).item())
        return F.cross_entropy(output, target, weight=weights, label_smoothing=0.2)

    run_plain(hard, weights, smooth)
    np.testing.assert_allclose(trace.series["loss"].values, reported, rtol=0, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_balanced_is_samples_over_classes_times_samples_of_the_class(way):
    values = make(way, "cross_entropy", "balanced")
    counts = count_classes(values)
    assert counts.max() > 3 * counts.min()
    weights = counts.sum() / (3 * counts)
    (trace,) = train(values, probes=[])
    losses = run_plain(values, weights, TORCH["cross_entropy"])
    np.testing.assert_allclose(trace.series["loss"].values, losses, rtol=0, atol=1e-9)


def test_a_single_output_and_its_label_of_two_classes():
    data = {"name": "moons", "samples": 80, "imbalance": 5, "class_weights": [1.0, 3.0]}
    values = make("by hand", "bce_logits", None) | {"data": data}
    (trace,) = train(values, probes=[])

    def weigh(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(output, target, pos_weight=weights[1])

    losses = run_plain(values, torch.tensor([1.0, 3.0]).double(), weigh)
    np.testing.assert_allclose(trace.series["loss"].values, losses, rtol=0, atol=1e-9)


def test_the_classes_of_every_step():
    data = {"name": "copy", "samples": 12, "length": 3, "items": 2, "symbols": 2, "class_weights": "balanced"}
    values = {
        "model": {"kind": "gru", "width": 4, "read": "every"},
        "data": data,
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
        "train": {"epochs": UPDATES, "precision": "float64"},
    }
    (trace,) = train(values, probes=[])
    target = engine.prepare(validate(values), CPU).train.target
    assert target is not None
    counts = torch.bincount(target.flatten()).double()
    weights = counts.sum() / (len(counts) * counts)
    losses = run_plain(values, weights, lambda output, target, weights: F.cross_entropy(output.mT, target, weight=weights))
    np.testing.assert_allclose(trace.series["loss"].values, losses, rtol=0, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_a_run_has_the_same_bits_whatever_trains_beside_it(way):
    base = make(way, "cross_entropy", "balanced") | {"train": {"epochs": 5, "batch_size": 7}}
    beside = [base | {"seed": seed} for seed in range(4)]
    (alone,) = train(base)
    assert_same(alone, train(*beside, base)[-1])
    unweighted = base | {"data": base["data"] | {"class_weights": None}}
    assert_same(alone, train(unweighted, base)[-1])


def test_the_loss_of_every_part_is_weighted():
    values = make("by hand", "cross_entropy", GIVEN) | {"train": {"epochs": 3}}
    (trace,) = train(values, probes=["accuracy"])
    work = engine.prepare(validate(values), CPU)
    weights = torch.tensor(GIVEN)
    assert work.test is not None
    for name, part in (("train", work.train), ("test", work.test)):
        assert part.target is not None
        counted = weights[part.target]
        right = torch.from_numpy(trace.arrays[f"{name}-correct"])
        assert len(right) == len(counted)
        assert trace.metrics[f"{name}_accuracy"] == pytest.approx(float(right.mean()))
    assert trace.metrics["train_loss"] != pytest.approx(train(make("by hand", "cross_entropy", None))[0].metrics["train_loss"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"name": "diabetes", "class_weights": "balanced"}, "loss": "mse"}, "needs classes"),
        ({"data": {"name": "iris", "class_weights": [1, 2]}}, "must have 3 numbers"),
        ({"data": {"name": "iris", "class_weights": "balanced"}, "loss": "sum"}, "the loss sum reads no classes"),
        ({"loss": {"name": "python", "target": "torch.nn:CrossEntropyLoss"}}, "weighs its classes itself"),
    ],
)
def test_what_has_no_classes_to_weigh(changes, message):
    with pytest.raises(UserError, match=message) as caught:
        engine.prepare(validate(make("by hand", "cross_entropy", "balanced") | changes), CPU)
    assert caught.value.problems[0].key == "data.class_weights"


@pytest.mark.parametrize("weights", [[1, 0], [1, -1], [1], "even", 2, [1, True], [1, float("inf")]])
def test_what_is_no_weight(weights):
    with pytest.raises(UserError, match="balanced"):
        validate({"data": {"name": "iris", "class_weights": weights}})
