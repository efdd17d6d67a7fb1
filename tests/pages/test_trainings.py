"""What pages state of trained networks, trained again: digits from 0 to 1, one seed of the range that the page gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.runs import train
from sklearn.datasets import load_digits

from pages.shown import says
from trainlab.report import Trace

ADAM = {"name": "adam", "lr": 0.001}
NEAR = 0.2  # of a loss or a curvature: what other processors may add to the range
POINT = 0.01  # of an accuracy: likewise


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    inputs, target = load_digits(return_X_y=True)
    path = tmp_path_factory.mktemp("digits") / "rows.npz"
    np.savez(path, x=(inputs / 16).astype(np.float32).reshape(-1, 8, 8), y=target)
    return {"data": {"name": "npz", "path": str(path), "test_fraction": 0.2}, "loss": "cross_entropy"}


def count_epochs(trace: Trace) -> int | None:
    """To a training loss of 0.2."""
    below = np.flatnonzero(trace.series["loss"].values < 0.2)
    return int(below[0]) + 1 if len(below) else None


@pytest.mark.parametrize(
    ("activation", "layers", "row", "plain", "residual"),
    [
        ("relu", 24, "24 ReLU 2.302 (never starts) 0.05 to 0.08", (2.302, 2.302), (0.05, 0.08)),
        ("relu", 12, "12 ReLU 0.36 to 0.97 0.02 to 0.05", (0.36, 0.97), (0.02, 0.05)),
        ("sigmoid", 24, "24 sigmoid 2.302 0.46 to 0.50", (2.302, 2.302), (0.46, 0.50)),
    ],
)
def test_residual_connections(
    digits: dict[str, Any], activation: str, layers: int, row: str, plain: tuple[float, float], residual: tuple[float, float]
) -> None:
    says("residual", row)
    says("convergence", "24 ReLU layers stay at 2.302 for 15 epochs; with residual connections they are at 0.05 to 0.08")
    model = {"layers": layers, "width": 32, "activation": activation}
    runs = [{**digits, "model": {**model, "residual": each}, "optimizer": ADAM} for each in (False, True)]
    traces = train(*[{**run, "train": {"epochs": 15, "batch_size": 32}} for run in runs], probes=["accuracy"])
    for trace, (low, high) in zip(traces, (plain, residual), strict=True):
        assert (1 - NEAR) * low < trace.metrics["train_loss"] < (1 + NEAR) * high
    assert traces[0].metrics["train_loss"] > 5 * traces[1].metrics["train_loss"] or activation == "sigmoid"


def test_from_an_ordinary_start_both_losses_learn(digits: dict[str, Any]) -> None:
    says("cross-entropy", "0.95–0.97 with cross-entropy, 0.955–0.975 with squared error")
    model = {"layers": 3, "width": 64}
    base = {**digits, "optimizer": ADAM, "train": {"epochs": 20, "batch_size": 32}}
    entropy, squared = (
        trace.metrics["test_accuracy"]
        for trace in train(
            {**base, "model": model}, {**base, "model": {**model, "output": "softmax"}, "loss": "mse"}, probes=["accuracy"]
        )
    )
    assert 0.95 - POINT < entropy < 0.97 + POINT
    assert 0.955 - POINT < squared < 0.975 + POINT


def test_batch_norm_speeds_up_and_its_place_matters_for_a_sigmoid(digits: dict[str, Any]) -> None:
    says("batch-norm", "0.2 fall from 7–8 to 5, and the test accuracy after 20 rises from 0.945–0.957 to 0.975–0.993")
    says("batch-norm", "5 epochs to 0.2 before, 4 after; test 0.975–0.993 and 0.98–0.99", "14–15 epochs before, 5 after")
    after = {"name": "batch", "place": "after"}
    cells = [("relu", "none"), ("relu", "batch"), ("relu", after), ("sigmoid", "batch"), ("sigmoid", after)]
    base = {**digits, "optimizer": ADAM, "train": {"epochs": 20, "batch_size": 32}}
    models = [{"layers": 4, "width": 64, "activation": activation, "norm": norm} for activation, norm in cells]
    traces = train(*[{**base, "model": model} for model in models], probes=["accuracy"])
    epochs = [count_epochs(trace) for trace in traces]
    for found, (low, high) in zip(epochs, [(7, 8), (5, 5), (4, 4), (14, 15), (5, 5)], strict=True):
        assert found is not None
        assert low - 1 <= found <= high + 1
    for trace, (low, high) in zip(traces, [(0.945, 0.957), (0.975, 0.993), (0.98, 0.99)], strict=False):
        assert low - POINT < trace.metrics["test_accuracy"] < high + POINT


class TestBatchSize:
    """One hidden layer of 64, SGD at 0.1."""

    BATCHES = (8, 32, 128, None)

    def run(self, digits: dict[str, Any], probes: list[str], sizes: tuple[int | None, ...], **times: int) -> list[Trace]:
        base = {**digits, "model": {"layers": 2, "width": 64}, "optimizer": {"name": "sgd", "lr": 0.1}}
        return train(*[{**base, "train": {**times, "batch_size": size}} for size in sizes], probes=probes)

    def test_at_equal_epochs(self, digits: dict[str, Any]) -> None:
        says("batch", "8: 0.96–0.97, 32: 0.935–0.955, 128: 0.865–0.89, all samples: 0.14–0.30", "1800, 450, 120 and 10 updates")
        traces = self.run(digits, ["accuracy"], self.BATCHES, epochs=10)
        assert [trace.updates for trace in traces] == [1800, 450, 120, 10]
        ranges = [(0.96, 0.97), (0.935, 0.955), (0.865, 0.89), (0.14, 0.30)]
        for trace, (low, high) in zip(traces, ranges, strict=True):
            assert low - POINT < trace.metrics["test_accuracy"] < high + POINT

    def test_at_equal_updates_only_the_flatness_is_left(self, digits: dict[str, Any]) -> None:
        says("batch", "updates each: 0.969–0.975 with 8, 32 or all", "1.6–1.9 for batches of 8, 2.1–2.3 for 32 and 2.3–2.6 for all")
        says("hessian", "1.6–1.9 with 8, 2.1–2.3 with 32, 2.3–2.6 with all samples")
        traces = self.run(digits, ["accuracy", "largest-curvature"], (8, 32, None), epochs=3000, updates=3000)
        sharpness = [trace.metrics["sharpness"] for trace in traces]
        for found, (low, high) in zip(sharpness, [(1.6, 1.9), (2.1, 2.3), (2.3, 2.6)], strict=True):
            assert (1 - NEAR / 2) * low < found < (1 + NEAR / 2) * high
        assert sharpness == sorted(sharpness)
        assert all(0.969 - POINT < trace.metrics["test_accuracy"] < 0.975 + POINT for trace in traces)
