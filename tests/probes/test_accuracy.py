from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from engine.plain import train_plain
from engine.runs import train

CLASSES: dict[str, Any] = {
    "data": {"name": "classification", "samples": 60, "features": 6},
    "train": {"epochs": 15, "precision": "float64"},
    "optimizer": {"name": "adam", "lr": 0.02},
}
DIGITS: dict[str, Any] = {**CLASSES, "data": {"name": "random", "samples": 40, "features": 5, "classes": 4, "test_fraction": 0.3}}


def decide(output: torch.Tensor, loss: str) -> np.ndarray:
    numbers = output.detach().numpy()
    if numbers.shape[1] > 1:
        return np.array([max(range(len(row)), key=row.__getitem__) for row in numbers])
    return np.array([int(number > (0 if loss == "bce_logits" else 0.5)) for number in numbers[:, 0]])


@pytest.mark.parametrize(
    ("values", "loss", "output"),
    [
        (CLASSES, "bce", "sigmoid"),
        (CLASSES, "bce_logits", "none"),
        (CLASSES, "mse", "sigmoid"),
        (CLASSES, "cross_entropy", "none"),
        (DIGITS, "cross_entropy", "none"),
        (DIGITS, "mse", "none"),
        (DIGITS, "bce", "softmax"),
    ],
)
def test_loss_and_share_right_of_classes(values, loss, output):
    values = {**values, "loss": loss, "model": {"width": 6, "output": output, "norm": "batch"}}
    trace = train({**values, "seed": 1}, values, probes=["accuracy"])[1]
    plain = train_plain(values)
    shares = {}
    for name, (inputs, target) in (("train", plain.train), ("test", plain.test)):
        found = plain.model(inputs)
        losses = {
            "bce": F.binary_cross_entropy,
            "bce_logits": F.binary_cross_entropy_with_logits,
            "mse": F.mse_loss,
            "cross_entropy": F.cross_entropy,
        }
        assert trace.metrics[f"{name}_loss"] == pytest.approx(losses[loss](found, target).item(), abs=1e-9)
        classes = target if target.dim() == 1 else target.argmax(dim=1) if target.shape[1] > 1 else target[:, 0]
        right = decide(found, loss) == classes.numpy()
        assert trace.arrays[f"{name}-correct"].tolist() == right.tolist()
        shares[name] = right.mean()
        assert trace.metrics[f"{name}_accuracy"] == pytest.approx(shares[name])
    assert 0.2 < shares["train"] < 1
    assert trace.metrics["accuracy_gap"] == pytest.approx(shares["train"] - shares["test"])


def test_r2_of_numbers():
    values = {
        "data": {"name": "diabetes", "samples": 60, "standardize": True},
        "loss": "mse",
        "train": {"epochs": 5, "precision": "float64"},
    }
    trace = train({**values, "seed": 1}, values, probes=["accuracy"])[1]
    plain = train_plain(values)
    for name, (inputs, target) in (("train", plain.train), ("test", plain.test)):
        error = math.fsum(((plain.model(inputs) - target) ** 2).flatten().tolist())
        spread = math.fsum(((target - target.mean()) ** 2).flatten().tolist())
        assert trace.metrics[f"{name}_r2"] == pytest.approx(1 - error / spread, abs=1e-9)
    assert "train_accuracy" not in trace.metrics


def test_the_validation_part_is_measured_too():
    values = {**CLASSES, "data": {**CLASSES["data"], "validation_fraction": 0.2}, "loss": "cross_entropy"}
    (trace,) = train(values, probes=["accuracy", "validation-loss"])
    assert trace.metrics["validation_loss"] == trace.series["validation-loss"].values[-1]
    assert trace.metrics["validation_accuracy"] == trace.arrays["validation-correct"].mean()
    assert len(trace.arrays["validation-correct"]) == trace.sizes["validation"] == 12


def test_without_a_target_and_without_a_test_part():
    (trace,) = train({"data": "ones", "model": {"layers": 1, "width": 1}}, probes=["accuracy"])
    assert trace.metrics.keys() == {"train_loss"}
    (trace,) = train({**DIGITS, "data": {**DIGITS["data"], "test_fraction": 0.0}, "loss": "mse"}, probes=["accuracy"])
    assert trace.metrics.keys() == {"train_loss", "train_accuracy"}
