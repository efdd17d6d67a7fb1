"""Every kind of network trained by the engine: as a plain torch.optim loop, and with the same bits in any company."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.plain import train_plain
from engine.runs import assert_same, prepare, see_weights, train

from trainlab.engine import _grouping

DIGITS = {"data": {"name": "digits", "samples": 40}, "loss": "cross_entropy"}
ADDING = {"data": {"name": "adding", "samples": 30, "length": 7}, "loss": "mse"}
COPY = {"data": {"name": "copy", "samples": 30, "length": 3, "items": 2, "symbols": 3}, "loss": "cross_entropy"}
CHARS = {"data": {"name": "chars", "samples": 20, "length": 8}, "loss": "cross_entropy"}

NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cnn": (DIGITS, {"kind": "cnn", "width": [3, 4], "norm": "batch", "dropout": 0.2}),
    "cnn, group norm": (DIGITS, {"kind": "cnn", "width": [4, 5], "pooling": "average", "activation": "gelu"}),
    "resnet": (DIGITS, {"kind": "resnet", "width": 3}),
    "resnet, plain": (DIGITS, {"kind": "resnet", "width": [3, 4], "layers": 6, "norm": "layer", "residual": False}),
    "rnn": (ADDING, {"kind": "rnn", "width": 5}),
    "rnn of digits": (DIGITS, {"kind": "rnn", "width": 5, "activation": "relu", "recurrent_init": "identity", "read": "mean"}),
    "lstm": (ADDING, {"kind": "lstm", "width": 5, "layers": 2, "dropout": 0.3}),
    "lstm of tokens": (COPY, {"kind": "lstm", "width": 3}),
    "gru": (ADDING, {"kind": "gru", "width": 3, "layers": 2, "residual": True}),
    "gru of tokens": (COPY, {"kind": "gru", "width": 5}),
    "encoder": (DIGITS, {"kind": "transformer", "width": 6, "heads": 2, "layers": 1, "norm_first": False}),
    "decoder": (CHARS, {"kind": "transformer", "width": 6, "heads": 2, "layers": 1, "dropout": 0.2}),
    "mlp of sequences": (ADDING, {"width": 5}),
    "layers of tokens": (
        COPY,
        {"kind": "layers", "modules": [{"Embedding": [5, 6]}, "Tanh", {"LayerNorm": [6]}, {"Linear": [6, 4]}]},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_a_plain_loop_within_1e9(name, monkeypatch):
    data, model = NETWORKS[name]
    base = {**data, "model": model, "optimizer": {"name": "adam", "lr": 0.01}, "train": {"batch_size": 10, "precision": "float64"}}
    base["train"] |= {"epochs": 20, "updates": 20}
    other = {**base, "seed": 7, "optimizer": {"name": "adam", "lr": 0.003}}
    traces = train(base, other, probes=["accuracy", see_weights(monkeypatch)])
    for values, trace in zip((base, other), traces, strict=True):
        plain = train_plain(values)
        assert trace.how == "stacked"
        assert trace.updates == len(plain.updates) == 20
        assert np.allclose(trace.arrays["weights"], plain.weights, rtol=0, atol=1e-9)
        assert trace.series["loss"].values.tolist() == pytest.approx(plain.epochs, abs=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_has_the_same_bits_alone_and_in_any_company(name, monkeypatch):
    data, model = NETWORKS[name]
    base = {**data, "model": model, "train": {"epochs": 2, "batch_size": 9, "updates": 4}}
    five = [{**base, "seed": seed, "optimizer": {"name": "adam", "lr": 0.05 / (seed + 1)}} for seed in range(5)]
    probes = ["accuracy", "activations", "baselines", "gradient-norm", "update-ratio"]
    alone = [train(each, probes=probes)[0] for each in five[:3]]
    for most in (1024, 2):
        monkeypatch.setattr(_grouping, "MAX_ROWS", most)
        for each, wanted in zip(train(*five, probes=probes), alone, strict=False):
            assert_same(each, wanted)


def test_how_steps_begin_is_no_structure():
    base = {**ADDING, "model": {"kind": "gru", "width": 3}}
    other = {**base, "model": {**base["model"], "recurrent_init": "orthogonal", "init": "he_normal"}}
    assert [len(each) for each in _grouping.group([prepare(base), prepare(other)])] == [2]


def test_a_network_that_explodes_over_its_steps_leaves_its_neighbours_alone():
    model = {"kind": "rnn", "width": 4, "activation": "relu"}
    base = {"data": {"name": "adding", "samples": 20, "length": 60}, "loss": "mse", "model": model, "train": {"epochs": 3}}
    wild = {**base, "model": {**model, "recurrent_init": {"name": "identity", "gain": 30.0}}}
    alone = train(base, probes=["accuracy"])[0]
    exploded, healthy = train(wild, base, probes=["accuracy"])
    assert exploded.nonfinite is not None
    assert exploded.nonfinite.direction == "forward"
    assert exploded.nonfinite.where == "recurrent"
    assert_same(healthy, alone)
