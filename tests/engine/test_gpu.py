"""On a CUDA device: every way of computing runs there and agrees with the CPU; random layers draw from the run's own stream."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from .runs import assert_same, see_weights, train

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

DATA: dict[str, Any] = {
    "data": {"name": "random", "samples": 40, "features": 9, "classes": 3, "test_fraction": 0.2},
    "loss": "cross_entropy",
}
MODELS: dict[str, dict[str, Any]] = {
    "by hand": {"width": 8, "activation": "sigmoid"},
    "batch norm by hand": {"width": 8, "norm": "batch"},
    "stacked": {"width": 8, "norm": "layer"},
    "one by one": {"width": 8, "dropout": 0.3},
}


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "rmsprop", "adam", "adamw", "nadam", "radam"])
@pytest.mark.parametrize("name", ["by hand", "batch norm by hand", "stacked"])
def test_agrees_with_the_cpu(name, optimizer, monkeypatch):
    values = {
        **DATA,
        "model": MODELS[name],
        "optimizer": optimizer,
        "clip": {"mode": "norm", "threshold": 0.5},
        "train": {"epochs": 5, "batch_size": 13, "precision": "float64"},
    }
    look = see_weights(monkeypatch)
    runs = [{**values, "seed": seed} for seed in range(3)]
    for here, there in zip(train(*runs, probes=[look]), train(*runs, probes=[look], device=torch.device("cuda:0")), strict=True):
        assert abs(here.arrays["weights"] - there.arrays["weights"]).max() < 1e-9


@pytest.mark.parametrize("schedule", ["onecycle", {"name": "plateau", "patience": 1, "warmup": 3}])
def test_rates_are_the_same_there(schedule):
    values = {**DATA, "schedule": schedule, "train": {"epochs": 9, "batch_size": 13}}
    devices = (torch.device("cpu"), torch.device("cuda:0"))
    here, there = [train(values, {**values, "schedule": "step"}, probes=["learning-rate"], device=each) for each in devices]
    for one, other in zip(here, there, strict=True):
        assert one.series["learning-rate"].values.tolist() == other.series["learning-rate"].values.tolist()


def test_diverged_runs_leave_the_stack_there_too():
    values = {"data": "linear", "loss": "mse", "train": {"epochs": 30}}
    for optimizer in ("sgd", "adam"):
        rates = [{**values, "optimizer": {"name": optimizer, "lr": rate}} for rate in (0.01, 1e30, 0.02)]
        one, two, three = train(*rates, device=torch.device("cuda:0"))
        assert (one.updates, three.updates) == (30, 30)
        assert two.nonfinite is not None


def test_random_layers_do_not_read_or_move_the_stream_of_the_gpu():
    values = {**DATA, "model": MODELS["one by one"], "train": {"epochs": 3, "batch_size": 8}}
    torch.cuda.manual_seed(1)
    before = torch.cuda.get_rng_state()
    first, second = train(values, {**values, "seed": 1}, device=torch.device("cuda:0"))
    assert torch.equal(before, torch.cuda.get_rng_state())
    torch.cuda.manual_seed(2)
    (alone,) = train({**values, "seed": 1}, device=torch.device("cuda:0"))
    assert_same(alone, second)
    assert first.metrics != second.metrics


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize(
    "values",
    [
        {**DATA, "model": MODELS["by hand"]},
        {**DATA, "model": MODELS["batch norm by hand"]},
        {**DATA, "model": {"width": 8, "output": "sigmoid"}, "loss": "bce"},
        {**DATA, "model": {"width": 8}, "loss": "sum"},
        {"data": {"name": "digits", "samples": 30}, "loss": "cross_entropy", "model": {"kind": "cnn"}},
        {"data": {"name": "adding", "samples": 24}, "loss": "mse", "model": {"kind": "lstm"}},
        {"data": {"name": "adding", "samples": 24}, "loss": "mse", "model": {"kind": "transformer"}},
    ],
    ids=["mlp", "batch norm", "bce", "sum", "cnn", "lstm", "transformer"],
)
def test_mixed_precision_stays_close_to_float32_there(values, precision, monkeypatch):
    look = see_weights(monkeypatch)
    train_for = {"epochs": 3, "batch_size": 8}
    cuda = torch.device("cuda:0")
    (mixed,) = train({**values, "train": {**train_for, "precision": precision}}, probes=[look], device=cuda)
    (full,) = train({**values, "train": train_for}, probes=[look], device=cuda)
    assert mixed.nonfinite is None
    assert abs(mixed.arrays["weights"] - full.arrays["weights"]).max() < 0.1
    assert abs(mixed.arrays["weights"] - full.arrays["weights"]).max() > 0


def test_runs_have_their_own_scales_there():
    values = {
        **DATA,
        "model": MODELS["batch norm by hand"],
        "loss": "sum",
        "train": {"epochs": 3, "batch_size": 8, "precision": "fp16"},
    }
    rates = [{**values, "optimizer": {"name": "adam", "lr": rate}} for rate in (0.01, 1.0)]
    cuda = torch.device("cuda:0")
    for together, alone in zip(train(*rates, device=cuda), rates, strict=True):
        assert_same(together, train(alone, device=cuda)[0])
        assert together.scaling.skipped > 0
        assert together.scaling.scale == 65536 / 2**together.scaling.skipped
