from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from engine.runs import train

from trainlab.config import validate
from trainlab.data import load


def measure(data: dict[str, Any], loss: str, **model: Any) -> tuple[float | None, float | None]:
    values = {"data": data, "loss": loss, "model": model}
    one, two = train(values, {**values, "seed": 1}, probes=["baselines"])
    assert one.metrics == two.metrics
    return one.metrics["constant_loss"], one.metrics["linear_loss"]


def read(data: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    inputs, target = load(validate({"data": data}).data).train
    assert target is not None
    return inputs.double().numpy(), target.double().numpy()


@pytest.mark.parametrize("data", [{"name": "linear"}, {"name": "diabetes"}])
def test_the_mean_and_least_squares(data):
    inputs, target = read(data)
    constant, linear = measure(data, "mse")
    assert constant == pytest.approx(target.var(), rel=1e-6)
    design = np.hstack([inputs, np.ones((len(inputs), 1))])
    residual = target - design @ np.linalg.pinv(design) @ target
    assert linear == pytest.approx((residual**2).mean(), rel=1e-5)


def test_the_line_of_the_source():
    constant, linear = measure({"name": "linear"}, "mse")
    assert constant == pytest.approx(0.7561, abs=1e-4)
    assert linear == pytest.approx(0.00663, abs=1e-5)


def test_class_shares():
    data = {"name": "random", "samples": 200, "features": 2, "classes": 3}
    _, target = read(data)
    shares = np.bincount(target.astype(int)) / len(target)
    constant, _ = measure(data, "cross_entropy")
    assert constant == pytest.approx(-sum(share * math.log(share) for share in shares), rel=1e-6)


@pytest.mark.parametrize(("loss", "model"), [("bce", {"output": "sigmoid"}), ("bce_logits", {}), ("cross_entropy", {})])
def test_two_classes_by_every_loss(loss, model):
    data = {"name": "classification", "samples": 200}
    inputs, target = read(data)
    share = target.mean()
    constant, linear = measure(data, loss, **model)
    assert constant == pytest.approx(-share * math.log(share) - (1 - share) * math.log(1 - share), rel=1e-5)
    assert linear == pytest.approx(descend(inputs, target), abs=2e-3)


def descend(inputs: np.ndarray, target: np.ndarray) -> float:
    """Logistic regression without a penalty, by L-BFGS on the log loss."""
    scaled = torch.tensor((inputs - inputs.mean(axis=0)) / inputs.std(axis=0))
    weights = torch.zeros(scaled.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weights], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        logits = scaled @ weights[1:] + weights[0]
        value = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(target))
        value.backward()
        return value

    solver.step(loss)
    return loss().item()


def test_one_class_alone_is_no_task():
    found = measure({"name": "random", "samples": 8, "features": 2, "classes": 1}, "cross_entropy")
    assert found == pytest.approx((0, 0))
    assert math.copysign(1, found[0]) == 1  # never said as -0


def test_squares_of_classes():
    data = {"name": "iris"}
    inputs, target = read(data)
    shares = np.eye(3)[target.astype(int)]
    constant, linear = measure(data, "mse")
    assert constant == pytest.approx(shares.var(axis=0).mean(), rel=1e-6)
    design = np.hstack([inputs, np.ones((len(inputs), 1))])
    assert linear == pytest.approx(((shares - design @ np.linalg.pinv(design) @ shares) ** 2).mean(), rel=1e-5)


@pytest.mark.parametrize(("data", "loss"), [({"name": "ones"}, "sum"), ({"name": "linear"}, "l1"), ({"name": "linear"}, "huber")])
def test_what_has_no_baseline(data, loss):
    assert measure(data, loss) == (None, None)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "bce_logits"])
def test_the_share_right_of_both(loss):
    data = {"name": "classification", "samples": 200}
    inputs, target = read(data)
    (trace,) = train({"data": data, "loss": loss}, probes=["baselines"])
    assert trace.metrics["constant_accuracy"] == pytest.approx(max(target.mean(), 1 - target.mean()))
    if loss == "mse":
        design = np.hstack([inputs, np.ones((len(inputs), 1))])
        expected = ((design @ np.linalg.pinv(design) @ target > 0.5) == target).mean()
        assert trace.metrics["linear_accuracy"] == pytest.approx(expected)
    else:
        assert trace.metrics["constant_accuracy"] < trace.metrics["linear_accuracy"] < 1


def test_classes_that_a_line_parts():
    (trace,) = train({"data": {"name": "blobs"}, "loss": "cross_entropy"}, probes=["baselines"])
    assert trace.metrics["linear_accuracy"] == 1
    (trace,) = train({"data": {"name": "linear"}, "loss": "mse"}, probes=["baselines"])
    assert "linear_accuracy" not in trace.metrics


@pytest.mark.parametrize("loss", ["mse", "bce", "bce_logits", "cross_entropy"])
def test_samples_count_by_the_weight_of_their_class(loss):
    data = {"name": "classification", "samples": 200, "imbalance": 5}
    weights = np.array([1.0, 4.0])
    inputs, target = read(data)
    size = weights[target.astype(int)]
    share = (size * target).sum() / size.sum()
    constant, linear = measure({**data, "class_weights": list(weights)}, loss, output="sigmoid" if loss == "bce" else "none")
    whole = size.mean() if loss.startswith("bce") else 1.0  # torch divides by the number of samples there
    told = np.where(target == 1, share, 1 - share)
    spread = share * (1 - share)
    assert constant == pytest.approx(spread if loss == "mse" else -whole * (size * np.log(told)).sum() / size.sum(), rel=1e-5)
    assert linear is not None
    if loss == "mse":
        design = np.hstack([inputs, np.ones((len(inputs), 1))]) * np.sqrt(size)[:, None]
        goal = target * np.sqrt(size)
        fitted = design @ np.linalg.pinv(design) @ goal
        assert linear == pytest.approx(((goal - fitted) ** 2).sum() / size.sum(), rel=1e-5)
    else:
        repeated = np.repeat(np.arange(len(target)), size.astype(int))
        assert linear == pytest.approx(whole * descend(inputs[repeated], target[repeated]), abs=4e-3)
