"""What the source documents claim of trainings, each trained next to what it is compared with. Seeds are of the network."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from engine.runs import spy, train
from pages.shown import says
from sklearn.datasets import load_digits
from test_source_experiments import line, overfit

from trainlab.config import find_config, load
from trainlab.report import Trace

SGD: dict[str, Any] = {"name": "sgd", "lr": 0.1}


def change(seed: int, **sections: dict[str, Any]) -> dict[str, Any]:
    """The network that overfits, with some keys changed."""
    values = overfit(seed)
    return {**values, **{name: {**values[name], **keys} for name, keys in sections.items()}}


def find_tests(traces: list[Trace]) -> list[float]:
    return [trace.metrics["test_accuracy"] for trace in traces]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Pixels from 0 to 1: one file in the order of the classes, one of images."""
    folder = tmp_path_factory.mktemp("digits")
    inputs, target = load_digits(return_X_y=True)
    inputs, order = (inputs / 16).astype(np.float32), np.argsort(target, kind="stable")
    np.savez(folder / "sorted.npz", x=inputs[order], y=target[order])
    np.savez(folder / "rows.npz", x=inputs.reshape(-1, 8, 8), y=target)
    return {name: {"name": "npz", "path": str(folder / f"{name}.npz")} for name in ("sorted", "rows")}


INITS: dict[str, tuple[Any, int, int]] = {
    "He": ("he_normal", 11, 14),
    "Xavier": ("xavier_normal", 16, 20),
    "torch's default": ("default", 31, 31),
    "N(0, 1)": ({"name": "normal", "std": 1.0}, 31, 31),
    "N(0, 0.01)": ({"name": "normal", "std": 0.01}, 31, 31),
    "zeros": ("zeros", 31, 31),
}


def test_a_bad_initialisation_needs_more_epochs(digits: dict[str, Any]) -> None:
    # "bad initialisation needs more epochs; Xavier/He mend it": epochs to a training loss of 0.2, of 30. He is the rule for ReLU
    says(
        "convergence",
        "He 12 to 13, Xavier 17 to 19, torch's default more than 30; N(0, 0.01) and zeros stay at 2.302 = ln 10 for ever",
    )
    base = {"data": digits["rows"], "loss": "cross_entropy", "optimizer": {"lr": 0.02}, "train": {"epochs": 30, "batch_size": 32}}
    model = {"layers": 4, "width": 64, "activation": "relu"}
    traces = train(*[{**base, "model": {**model, "init": init}} for init, *_ in INITS.values()], probes=[])
    losses = [trace.series["loss"].values for trace in traces]
    for loss, (name, (_, low, high)) in zip(losses, INITS.items(), strict=True):
        below = np.flatnonzero(loss < 0.2)
        assert low <= (below[0] + 1 if len(below) else 31) <= high, name
    assert [loss[-1] for loss in losses[-2:]] == pytest.approx([np.log(10)] * 2, abs=2e-3)


DROPOUT = [(0.2, "0.2: 0.80–0.83", 0.79, 0.845), (0.5, "0.5: 0.83–0.85", 0.82, 0.865), (0.8, "0.8: 0.84–0.855", 0.83, 0.865)]


def test_dropout_closes_the_gap_a_little() -> None:
    # "dropout": 0.81 to 0.84, 0.84 to 0.855, 0.845 to 0.85, without it 0.805 to 0.82
    traces = train(*[change(seed, model={"dropout": rate}) for seed, (rate, *_) in enumerate(DROPOUT)], probes=["accuracy"])
    for trace, (rate, figures, low, high) in zip(traces, DROPOUT, strict=True):
        says("dropout", figures)
        assert low <= trace.metrics["test_accuracy"] <= high, rate
    right = [trace.metrics["train_accuracy"] for trace in traces]
    assert right == sorted(right, reverse=True)
    assert right[2] < 0.98


def test_random_labels_are_fitted_and_nothing_is_learned() -> None:
    # "labels are white noise": right in training, a guess in test
    says("overfitting", "still gets 1.0 right in training, and 0.49 to 0.525 in test")
    for trace in train(*[change(seed, data={"label_noise": 0.99}) for seed in range(3)], probes=["accuracy"]):
        assert trace.metrics["train_accuracy"] == 1
        assert 0.46 < trace.metrics["test_accuracy"] < 0.55


PENALTIES = {0.01: (0.19, 0.855), 0.04: (0.311, 0.875), 0.1: (0.371, 0.875), 0.3: (0.607, 0.84), 1.0: (0.6931, 0.465)}


def test_too_strong_a_penalty_is_all_that_is_learned() -> None:
    # "too much regularisation", "larger lambda: stronger; too large does not converge"
    traces = train(*[change(0, optimizer={"weight_decay": each}) for each in PENALTIES], probes=["accuracy"])
    for trace, (decay, (loss, test)) in zip(traces, PENALTIES.items(), strict=True):
        says("l2", f"{decay} {loss} {test}")
        assert trace.metrics["train_loss"] == pytest.approx(loss, abs=2e-3)
        assert trace.metrics["test_accuracy"] == pytest.approx(test, abs=0.011)
    assert traces[-1].metrics["train_loss"] == pytest.approx(np.log(2), abs=1e-4)


SLEEPERS = {"relu": (1.0, 1.0, 0.08), "leaky_relu": (0.28, 0.38, 0.97), "elu": (0.0, 0.04, 0.98)}


def test_a_leaky_unit_wakes_up_and_a_dead_one_does_not(monkeypatch: pytest.MonkeyPatch, digits: dict[str, Any]) -> None:
    # "leaky ReLU can wake up": hidden biases of -10, so that no sample wakes any of the 64 units
    says(
        "relu",
        "100 % still sleep at the end (test accuracy 0.08, a guess), under leaky ReLU 31 to 34 % (0.97), under ELU 0 to 2 % (0.98)",
    )

    def count_asleep(evaluation: Any) -> dict[str, Any]:
        outputs = [each["model.0"] for each in evaluation.outputs(evaluation.train)]
        return {"asleep": torch.stack([(each <= 0).all(dim=0).double().mean() for each in outputs])[:, None]}

    base = {
        "data": {**digits["rows"], "test_fraction": 0.25},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.01},
        "train": {"epochs": 15, "batch_size": 32},
    }
    init = {"name": "default", "bias": -10.0}
    models = [{"layers": 2, "width": 64, "activation": name, "init": init} for name in SLEEPERS]
    probe = spy(monkeypatch, evaluate=count_asleep)
    runs = [{**base, "seed": seed, "model": model} for model, seed in itertools.product(models, range(2))]
    for trace, (low, high, test) in zip(
        train(*runs, probes=["accuracy", probe]), np.repeat(list(SLEEPERS.values()), 2, axis=0), strict=True
    ):
        assert low <= float(trace.arrays["asleep"][0]) <= high
        assert trace.metrics["test_accuracy"] == pytest.approx(test, abs=0.015)


def test_sorted_batches_make_the_loss_jump(digits: dict[str, Any]) -> None:
    # "not shuffled: one class a batch, loss jumps at each change"; a fold leaves the order of the file
    says("shuffling", "test accuracy 0.70–0.76 instead of 0.93–0.94", "batch losses from 0.05 to 1.2 within one epoch")
    base = {
        "model": {"layers": 2, "width": 64},
        "data": {**digits["sorted"], "folds": 5},
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.05},
    }
    train_as = [{"epochs": 20, "batch_size": 32, "shuffle": shuffle} for shuffle in (False, True)]
    runs = [{**base, "seed": seed, "train": each} for each in train_as for seed in range(3)]
    traces = train(*runs, probes=["accuracy", "batch-loss"])
    assert all(0.68 < each < 0.78 for each in find_tests(traces[:3]))
    assert all(0.92 < each < 0.95 for each in find_tests(traces[3:]))
    says("shuffling", "With batch normalisation it is worse still (0.43)")
    normed = {**base, "model": {**base["model"], "norm": "batch"}, "train": train_as[0]}
    assert find_tests(train(normed, probes=["accuracy"])) == pytest.approx([0.43], abs=0.06)
    last_epoch = traces[0].series["batch-loss"].values[-45:]
    assert last_epoch.min() < 0.08
    assert 1.0 < last_epoch.max() < 1.4


def test_batch_norm_keeps_the_start_and_an_initialisation_does_not() -> None:
    # "a good start is not enough; batch norm keeps it good during training": ten layers, He, 100 updates at 0.1
    says("batch-norm", "activation from 0.4–0.5 to 3–6; with batch norm it goes from 1 to 1.4")
    model = {"layers": 10, "width": 64, "activation": "relu", "init": "he_normal"}
    base = {"data": {"name": "random"}, "loss": "cross_entropy", "optimizer": SGD, "train": {"epochs": 100}}
    runs = [{**base, "seed": seed, "model": {**model, "norm": norm}} for seed, norm in enumerate(("none", "batch"))]
    for trace, kind in zip(train(*runs, probes=["activations"]), ("Linear", "BatchNorm1d"), strict=True):
        place = [index for index, module in enumerate(trace.modules) if module.kind == kind][8]
        start, end = (float(trace.arrays[f"{when}-variance"][place]) for when in ("initial", "activation"))
        if kind == "Linear":
            assert 0.38 < start < 0.52
            assert 2.8 < end < 6.5
        else:
            assert start == pytest.approx(1, abs=0.01)
            assert end == pytest.approx(1.4, abs=0.1)


def test_the_best_rate_changes_during_training() -> None:
    # "the best rate changes during training": batches of 4, the higher one is ahead after an epoch and behind in the end
    says("learning-rate", "in the first epoch 0.03 has a mean loss of 2.3 and 0.003 of 7.9, in the last twenty 1.05 and 1.01")
    base = {**line(0.03), "train": {"epochs": 60, "batch_size": 4}}
    traces = train(base, {**base, "optimizer": {"name": "sgd", "lr": 0.003}}, probes=[])
    high, low = (trace.series["loss"].values for trace in traces)
    assert (high[0], low[0]) == pytest.approx((2.3, 7.94), rel=0.02)
    assert (high[-20:].mean(), low[-20:].mean()) == pytest.approx((1.053, 1.010), abs=0.005)


GUESSES: dict[str, tuple[float, float, bool]] = {
    "check": (0.001, 0.003, True),
    "clip": (0.001, 0.01, True),
    "lr-sweep": (0.001, 0.0032, False),
    "overfit": (0.001, 0.0032, False),
    "clip-outliers": (0.001, 0.02, False),
}
"""Adam's default, a rate of use, and whether the default is one as well: it ends within a tenth of the fall."""


def test_adams_default_rate_is_a_good_first_guess_and_no_more() -> None:
    # "Adam's defaults are very good"
    says("adam", "in check and clip, and below it in lr-sweep and overfit (both from 0.0032 on) and in clip-outliers (from 0.02")
    for name, (default, better, enough) in GUESSES.items():
        guessed, tried = train(*[read_config(name, default), read_config(name, better)], probes=[])
        start, ends = guessed.series["loss"].values[0], [trace.series["loss"].values[-1] for trace in (guessed, tried)]
        assert (ends[0] < min(ends) + 0.1 * (start - min(ends))) == enough, name
    says("adam", "its loss is 1.4e4 after ten epochs, where 0.03 has come to 3.0")
    guessed, tried = (trace.metrics["train_loss"] for trace in train(*[read_config("clip-init", rate) for rate in (0.001, 0.03)]))
    assert guessed == pytest.approx(1.43e4, rel=0.1)
    assert tried == pytest.approx(3.0, abs=0.4)


def read_config(name: str, rate: float) -> dict[str, Any]:
    """One that comes with the program, with Adam."""
    values = load(find_config(name)).values
    return {**{key: value for key, value in values.items() if key != "vs"}, "optimizer": {"name": "adam", "lr": rate}}


def test_no_penalty_stops_an_explosion() -> None:
    # "L2 penalty against explosion": the first update has overflowed the network before the penalty acts
    says("clipping", "unclipped, with weight decay 0.01, 0.1, 1 or 10, the run dies at update `3` all the same")
    runs = [
        {
            "model": {"layers": 10, "width": 32, "init": {"name": "he_normal", "gain": 1.5}},
            "data": {"name": "linear"},
            "loss": "mse",
            "optimizer": {"name": "sgd", "lr": 0.003, "weight_decay": decay},
            "train": {"epochs": 10},
        }
        for decay in (0.0, 0.01, 0.1, 1.0, 10.0)
    ]
    for trace in train(*runs, probes=[]):
        assert trace.nonfinite is not None
        assert trace.nonfinite.update == 3


def test_warm_up_starts_a_transformer_that_does_not_start_without_it(digits: dict[str, Any]) -> None:
    # "warm-up helps BERT": 6 layers with normalisation after each sum, digits as 8 rows, Adam at 0.01, 300 updates
    says(
        "schedules",
        "stays at 2.30 = ln 10 and the test accuracy is 0.09 to 0.11; with 100 updates of it 0.11 to 0.35 and 0.88 to 0.96",
    )
    model = {"kind": "transformer", "layers": 6, "width": 32, "feedforward": 64, "norm_first": False}
    base = {
        "model": {**model, "init": "xavier_uniform", "activation": "relu"},
        "data": digits["rows"],
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.01},
        "train": {"epochs": 12, "batch_size": 128},  # where it is after 300 updates it nearly is after 144
    }
    without, warmed = train(base, {**base, "schedule": {"name": "constant", "warmup": 100}}, probes=["accuracy"])
    assert without.metrics["train_loss"] == pytest.approx(np.log(10), abs=0.05)
    assert without.metrics["test_accuracy"] < 0.2
    assert warmed.metrics["train_loss"] < 0.8
    assert warmed.metrics["test_accuracy"] > 0.75
    # ... and is of no use where the normalisation stands before the sum, or the rate is low
    says(
        "schedules",
        "With normalisation before each sum the first network learns at that rate without it (0.97), and at 0.001 warm-up",
    )
    short = {**base, "train": {"epochs": 8, "batch_size": 128}}
    low = {**short, "optimizer": {"name": "adam", "lr": 0.001}}
    before = {**short, "model": {**base["model"], "norm_first": True}}
    first, *others = find_tests(train(before, low, {**low, "schedule": {"name": "constant", "warmup": 30}}, probes=["accuracy"]))
    assert first > 0.85
    assert min(others) > 0.8
    assert others[0] == pytest.approx(others[1], abs=0.04)
