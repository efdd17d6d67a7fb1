from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.probes.resting import read, rest
from trainlab.losses import OwnLoss
from trainlab.models.activations import RANGES
from trainlab.probes.outputs import evaluate
from trainlab.structure import read_structure

LOGITS = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(60) % 3


@pytest.mark.parametrize("kind", sorted(RANGES.keys() - {"TanhRNNLayers"}))
def test_no_module_leaves_its_range(kind):
    module = getattr(nn, kind)(**({"dim": 1} if kind in ("Softmax", "Softmin", "LogSoftmax") else {}))
    numbers = torch.linspace(-100, 100, 100_001)
    found = module(torch.stack([numbers, numbers.flip(0)], dim=1))
    low, high = RANGES[kind]
    assert low - 1e-6 <= float(found.min())
    assert float(found.max()) <= high + 1e-6
    for bound, reached in ((low, found.min()), (high, found.max())):
        assert math.isinf(bound) or abs(bound - float(reached)) < 0.01


def reach(kind: str, loss: str, target: torch.Tensor, output: torch.Tensor, task: str) -> float:
    network = lambda inputs: output[: len(inputs)]  # noqa: E731
    return read(evaluate(rest(output, target, network=network, loss=loss, task=task, kinds={"model.1": kind})))["reachable_loss"]


def test_the_best_loss_within_a_range():
    values = torch.tensor([[-1.0], [0.5], [3.0]])
    outputs = torch.full((3, 1), 0.5)
    assert reach("Sigmoid", "mse", values, outputs, "regression") == pytest.approx((1 + 0 + 4) / 3)
    assert reach("ReLU", "mse", values, outputs, "regression") == pytest.approx(1 / 3)
    assert reach("Linear", "mse", values, outputs, "regression") == 0
    assert reach("Sigmoid", "cross_entropy", LABELS, LOGITS.sigmoid(), "multiclass") == pytest.approx(math.log(1 + 2 / math.e))
    assert reach("ReLU", "cross_entropy", LABELS, LOGITS.relu(), "multiclass") == pytest.approx(0, abs=1e-9)
    binary = (LABELS[:, None] > 0).float()
    expected = float(1 - binary.mean()) * math.log(2)
    assert reach("ReLU", "bce_logits", binary, LOGITS[:, :1].relu(), "binary") == pytest.approx(expected)
    assert reach("Softmax", "bce", binary, torch.ones(60, 1), "binary") > 10


def test_a_module_with_other_limits_than_usual():
    assert reach("Hardtanh", "mse", torch.full((3, 1), 5.0), torch.full((3, 1), 4.0), "regression") == 0


def test_shares_of_1():
    more = {"loss": "cross_entropy", "task": "multiclass", "network": lambda inputs: inputs}
    assert read(evaluate(rest(LOGITS.softmax(dim=1), LABELS, **more)))["sums_to_one"] == 1
    assert read(evaluate(rest(LOGITS.sigmoid(), LABELS, **more)))["sums_to_one"] == 0
    assert read(evaluate(rest(LOGITS.log_softmax(dim=1), LABELS, **more)))["sums_to_one"] == 0


def test_shapes_as_the_loss_gets_them():
    found = evaluate(rest(torch.ones(700, 1), torch.ones(700, 1)))
    assert found["prediction-shape"].tolist() == found["target-shape"].tolist() == [[700, 1]]
    found = evaluate(rest(torch.ones(7, 1), torch.ones(7)))
    assert found["target-shape"].tolist() == [[7]]
    assert evaluate(rest(torch.ones(7, 1))) == {}


def look(target: torch.Tensor, loss: Any, **more: Any) -> dict[str, torch.Tensor]:
    """What is found under a loss of somebody's own, of data that have these targets."""
    goal = read_structure(target)
    own = OwnLoss(loss, read_structure(torch.ones(7, 1)), goal)
    return evaluate(replace(rest(torch.ones(7, 1), goal.pack(target), **more), judge=own, loss="python"))


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_loss_of_somebodys_own_gets_what_the_data_have():
    target = torch.arange(7.0)
    found = look(target, functional.mse_loss)
    assert found["target-shape"].tolist() == [[7]]
    assert found["prediction-shape"].tolist() == [[7, 1]]
    assert float(found["paired"]) == pytest.approx(0, abs=1e-6)  # all with all, whoever's they are
    found = look(target, lambda output, wanted: functional.mse_loss(output.squeeze(-1), wanted))
    assert float(found["paired"]) == 1
    assert look(target[:, None], functional.mse_loss)["target-shape"].tolist() == [[7, 1]]


def test_pairs_that_cannot_be_tried():
    def refuse(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        raise ValueError("no")

    assert "paired" not in look(torch.arange(7.0), refuse)
    assert "paired" not in look(torch.ones(7), functional.mse_loss)
    assert "paired" not in look(torch.arange(7), functional.mse_loss)


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_nobody_knows_the_best_outputs_for_a_loss_of_somebodys_own():
    found = look(torch.arange(7.0), functional.mse_loss, network=lambda inputs: inputs / 2, kinds={"model.1": "Sigmoid"})
    assert math.isnan(float(found["reachable_loss"]))
