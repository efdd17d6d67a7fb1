"""All runs at once equal one run equals a plain torch.optim loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from trainlab import engine
from trainlab.config import validate
from trainlab.data import load
from trainlab.engine import _ways
from trainlab.plan import PlannedRun

from .plain import train_plain
from .runs import prepare, see_weights, spy, train

LINE = {"data": {"name": "linear", "samples": 40}, "loss": "mse"}
CLASSES = {"data": {"name": "classification", "samples": 60, "features": 6, "standardize": True}, "loss": "cross_entropy"}
RANDOM = {"data": {"name": "random", "samples": 50, "features": 9, "classes": 4}, "loss": "cross_entropy"}
FULL = {"epochs": 200}
# 200 updates: 50 epochs of 3 batches of 13, and a last one of 1 to 9
BATCHES = {"epochs": 50, "batch_size": 13}

CASES: dict[str, dict[str, Any]] = {
    "mlp, full batch": {**LINE, "model": {"layers": 3, "width": 8}, "train": FULL},
    "one layer": {**LINE, "model": {"layers": 1}, "train": FULL},
    "mini-batches, the last one smaller": {**LINE, "model": {"activation": "tanh"}, "train": BATCHES},
    "mini-batches in the order of the data": {**LINE, "train": {**BATCHES, "shuffle": False}},
    "more batches than updates": {**LINE, "train": {"epochs": 50, "batch_size": 13, "updates": 133}},
    "batch norm": {**CLASSES, "model": {"layers": 3, "width": 7, "norm": "batch", "input_norm": "batch"}, "train": BATCHES},
    "batch norm after": {
        **CLASSES,
        "model": {"norm": {"name": "batch", "place": "after", "momentum": 0.4, "affine": False}},
        "train": FULL,
    },
    "layer norm and sums": {**CLASSES, "model": {"layers": 4, "width": 6, "norm": "layer", "residual": True}, "train": BATCHES},
    "rms norm": {**CLASSES, "model": {"norm": "rms", "activation": "selu", "output": "tanh"}, "train": FULL},
    "residual": {
        **LINE,
        "model": {"layers": 5, "width": 1, "activation": "tanh", "output": "same", "residual": True},
        "train": FULL,
    },
    "momentum": {**LINE, "optimizer": {"lr": 0.05, "momentum": 0.8, "dampening": 0.2, "weight_decay": 0.01}, "train": FULL},
    "nesterov": {**LINE, "optimizer": {"lr": 0.02, "momentum": 0.9, "nesterov": True}, "train": BATCHES},
    "adam": {**CLASSES, "optimizer": {"name": "adam", "lr": 0.02, "betas": [0.8, 0.95], "weight_decay": 0.04}, "train": BATCHES},
    "adamw": {**CLASSES, "optimizer": {"name": "adamw", "lr": 0.02, "eps": 1e-4, "weight_decay": 0.3}, "train": FULL},
    "adagrad": {**LINE, "optimizer": {"name": "adagrad", "lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.01}, "train": BATCHES},
    "rmsprop": {
        **LINE,
        "optimizer": {"name": "rmsprop", "lr": 0.003, "alpha": 0.9, "momentum": 0.5, "centered": True, "eps": 1e-3},
        "train": BATCHES,
    },
    "amsgrad": {**CLASSES, "optimizer": {"name": "adam", "lr": 0.02, "amsgrad": True}, "train": BATCHES},
    "radam": {**CLASSES, "optimizer": {"name": "radam", "lr": 0.02, "weight_decay": 0.1}, "train": BATCHES},
    "clipped by value": {**LINE, "clip": {"mode": "value", "threshold": 0.1}, "train": BATCHES},
    "clipped by norm": {**LINE, "clip": {"mode": "norm", "threshold": 0.3}, "optimizer": {"lr": 0.03}, "train": BATCHES},
    "bce": {**CLASSES, "loss": "bce", "model": {"output": "sigmoid"}, "optimizer": {"name": "adam", "lr": 0.01}, "train": FULL},
    "bce of many": {**RANDOM, "loss": "bce", "model": {"output": "softmax", "norm": "layer"}, "train": BATCHES},
    "bce_logits": {**CLASSES, "loss": "bce_logits", "model": {"activation": "silu"}, "train": BATCHES},
    "l1": {**LINE, "loss": "l1", "model": {"activation": "gelu"}, "train": FULL},
    "huber": {**LINE, "loss": "huber", "model": {"activation": "softplus"}, "optimizer": {"lr": 0.1}, "train": FULL},
    "mse of classes": {**RANDOM, "loss": "mse", "model": {"activation": "elu"}, "train": FULL},
    "sum": {**RANDOM, "loss": "sum", "model": {"activation": "sigmoid", "output": "same"}, "train": BATCHES},
    "prelu": {**RANDOM, "model": {"activation": "prelu", "init": "auto"}, "train": FULL},
    "frozen": {**RANDOM, "model": {"layers": 3, "freeze": ["model.0.*", "model.4.bias"]}, "train": FULL},
    "frozen with norm": {**RANDOM, "model": {"layers": 3, "norm": "batch", "freeze": ["model.1.*"]}, "train": BATCHES},
    "dropout": {**RANDOM, "model": {"dropout": 0.3, "input_dropout": 0.1}, "train": BATCHES},
    "filters": {
        **RANDOM,
        "model": {
            "kind": "layers",
            "modules": [
                {"Unflatten": [1, [1, 3, 3]]},
                {"Conv2d": [1, 5, 2]},
                {"BatchNorm2d": [5]},
                "ReLU",
                "Flatten",
                {"Linear": [20, 4]},
            ],
        },
        "train": BATCHES,
    },
    "random slopes": {
        **RANDOM,
        "model": {"kind": "layers", "modules": [{"Linear": [9, 8]}, "RReLU", {"Linear": [8, 4]}]},
        "train": FULL,
    },
    "works in place": {
        **RANDOM,
        "model": {"kind": "layers", "modules": [{"Linear": [9, 8]}, {"ReLU": [True]}, {"Linear": [8, 4]}]},
        "train": BATCHES,
    },
}


LARGE = [
    "momentum",
    "nesterov",
    "adam",
    "adamw",
    "amsgrad",
    "adagrad",
    "rmsprop",
    "radam",
    "clipped by norm",
    "frozen with norm",
    "dropout",
]


@pytest.mark.parametrize("name", LARGE)
def test_a_large_run_does_too(name, monkeypatch):
    monkeypatch.setattr(_ways, "HEAVY", -1)
    monkeypatch.setattr(_ways, "_chosen", {})
    test_equals_a_plain_loop_within_1e9(name, monkeypatch)


@pytest.mark.parametrize("name", CASES)
def test_equals_a_plain_loop_within_1e9(name, monkeypatch):
    base = {**CASES[name], "train": {**CASES[name]["train"], "precision": "float64"}}
    rate = base.get("optimizer", {}).get("lr", 0.01)
    other = {**base, "seed": 7, "optimizer": {**base.get("optimizer", {}), "lr": rate / 3}}
    traces = train(base, other, probes=["accuracy", "total-norm", see_weights(monkeypatch)])
    for values, trace in zip((base, other), traces, strict=True):
        plain = train_plain(values)
        assert trace.updates == trace.planned == len(plain.updates)
        assert np.allclose(trace.arrays["weights"], plain.weights, rtol=0, atol=1e-9)
        assert trace.series["loss"].values.tolist() == pytest.approx(plain.epochs, abs=1e-9)
        norms = [np.linalg.norm(np.concatenate([each.ravel() for each in update.raw.values()])) for update in plain.updates]
        assert trace.series["total-norm"].values.tolist() == pytest.approx(norms, abs=1e-9)
        if plain.train[1] is not None and plain.train[1].dtype == torch.int64:
            output = plain.model(plain.train[0])  # evaluation mode: running statistics have to agree, too
            loss = torch.nn.functional.cross_entropy(output, plain.train[1])
            assert trace.metrics["train_loss"] == pytest.approx(loss.item(), abs=1e-9)


def test_float32_stays_close_to_a_plain_loop(monkeypatch):
    base = {**CASES["adam"], "train": {"epochs": 5, "batch_size": 13}}
    (trace,) = train(base, probes=[see_weights(monkeypatch)])
    assert np.allclose(trace.arrays["weights"], train_plain(base).weights, atol=1e-4)


def test_which_networks_are_stacked():
    how = {name: train({**values, "train": {"epochs": 1}}, probes=[])[0].how for name, values in CASES.items()}
    alone = {name: reason for name, reason in how.items() if reason != "stacked"}
    assert alone.keys() == {"random slopes"}
    assert all(reason.startswith("one by one: torch cannot stack this network (") for reason in alone.values())


def test_what_a_trace_says_of_its_run():
    values = {**CLASSES, "seed": 3, "model": {"layers": 2, "width": 5, "norm": "layer"}, "train": {"epochs": 4, "batch_size": 20}}
    one, two = train({**values, "seed": 5}, values)
    assert (one.seed, two.seed, one.name, two.name) == (5, 3, "0", "1")
    assert [(each.name, each.module, each.shape) for each in two.parameters] == [
        ("model.0.weight", "Linear", (5, 6)),
        ("model.0.bias", "Linear", (5,)),
        ("model.1.weight", "LayerNorm", (5,)),
        ("model.1.bias", "LayerNorm", (5,)),
        ("model.3.weight", "Linear", (2, 5)),
        ("model.3.bias", "Linear", (2,)),
    ]
    assert [(each.name, each.kind) for each in two.modules] == [
        ("model.0", "Linear"),
        ("model.1", "LayerNorm"),
        ("model.2", "ReLU"),
        ("model.3", "Linear"),
    ]
    assert two.sizes == {"train": 48, "test": 12}
    assert (two.task, two.how, two.updates, two.planned, two.nonfinite) == ("binary", "stacked", 12, 12, None)
    assert two.series["loss"].per == "epoch"
    assert two.series["loss"].at.tolist() == [1, 2, 3, 4]
    assert two.series["total-norm"].at.tolist() == list(range(1, 13))
    assert two.series["gradient-norm"].values.shape == (12, 6)
    assert two.arrays["train-correct"].shape == (48,)
    assert two.arrays["activation-mean"].shape == (4,)
    assert isinstance(two.metrics["test_accuracy"], float)


def test_probes_that_sample_do_so_200_times():
    (trace,) = train({**LINE, "train": {"epochs": 450}}, probes=["total-norm", "weight-norm"])
    assert trace.series["total-norm"].at.tolist() == list(range(1, 451))
    sampled = trace.series["weight-norm"].at
    assert len(sampled) == 200
    assert (sampled[0], sampled[-1]) == (1, 450)


def test_large_data_are_evaluated_piece_by_piece():
    values = {"data": {"name": "linear", "samples": 2500}, "loss": "mse", "train": {"epochs": 1, "precision": "float64"}}
    (trace,) = train(values, probes=["accuracy"])
    plain = train_plain(values)
    loss = torch.nn.functional.mse_loss(plain.model(plain.train[0]), plain.train[1])
    assert trace.metrics["train_loss"] == pytest.approx(loss.item(), abs=1e-12)


def test_probes_see_a_model_at_rest(monkeypatch):
    """`loss_at` and `predict` take any parameters and any batch; `outputs` are those that the last gradient was taken at."""
    seen = {}

    def evaluate(evaluation):
        seen["rows"] = len(evaluation.flat)
        seen["here"] = evaluation.loss_at(evaluation.flat, evaluation.train)
        seen["zero"] = evaluation.loss_at(torch.zeros_like(evaluation.flat), evaluation.train)
        seen["outputs"] = list(evaluation.outputs(evaluation.train))
        seen["predicted"] = evaluation.predict(evaluation.train)
        return {}

    values = {**LINE, "model": {"width": 5, "activation": "sigmoid"}}
    train(*[{**values, "seed": seed} for seed in range(3)], probes=[spy(monkeypatch, evaluate=evaluate)])
    assert seen["rows"] == len(seen["outputs"]) == len(seen["predicted"]) == len(seen["here"]) == 3
    assert not torch.equal(seen["here"], seen["zero"])
    _, target = train_plain(values).train
    assert seen["zero"].tolist() == pytest.approx([target.square().mean().item()] * 3, rel=1e-6)
    plain = train_plain(values)
    assert torch.allclose(seen["predicted"][0], plain.model(plain.train[0]), atol=1e-5)
    last = {name: torch.from_numpy(part) for name, part in plain.updates[-1].before.items()}
    outputs = torch.func.functional_call(plain.model, last, (plain.train[0],))
    assert torch.allclose(seen["outputs"][0]["model.2"], outputs, atol=1e-5)
    assert not torch.allclose(seen["outputs"][0]["model.2"], seen["predicted"][0], atol=1e-5)


def test_outputs_of_modules_are_those_before_the_next_works_in_place(monkeypatch):
    seen = []
    look = spy(monkeypatch, evaluate=lambda evaluation: seen.extend(evaluation.outputs(evaluation.train)) or {})
    train(CASES["works in place"], probes=[look])
    assert (seen[0]["model.0"] < 0).any()
    assert not (seen[0]["model.1"] < 0).any()


@pytest.mark.parametrize("name", ["adam", "dropout", "random slopes"])
def test_training_leaves_the_global_stream_alone_and_does_not_read_it(name, monkeypatch):
    values = {**CASES[name], "train": {"epochs": 2}}
    torch.manual_seed(1)
    before = torch.get_rng_state()
    (one,) = train(values)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    (two,) = train(values)
    assert one.metrics == two.metrics


def test_data_are_not_changed_by_training():
    spec = validate(RANDOM).data
    before = load(spec).train[0].clone()
    for name in ("mlp, full batch", "bce of many", "filters", "works in place", "dropout"):
        train({**CASES[name], **RANDOM, "train": {"epochs": 1}})
    assert torch.equal(load(spec).train[0], before)


def test_a_run_may_be_measured_more_closely_than_others():
    values = {"data": {"name": "random", "samples": 8, "features": 3, "classes": 2}, "loss": "cross_entropy"}
    config = validate(values)
    own = [(), ("gradient-norm",), (), ("gradient-norm",)]
    runs = [PlannedRun(name=str(place), patch={}, config=config, probes=each) for place, each in enumerate(own)]
    traces = engine.train(runs, [prepare(values)] * 4, ["accuracy"])
    assert [trace.name for trace in traces] == ["0", "1", "2", "3"]
    assert [set(trace.series) for trace in traces] == [{"loss", *each} for each in own]
    assert all("train_accuracy" in trace.metrics for trace in traces)
