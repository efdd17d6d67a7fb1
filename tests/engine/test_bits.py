"""A run has the same bits whatever trains beside it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainlab import optimizers
from trainlab.config.activations import ACTIVATIONS
from trainlab.engine import _grouping, _ways

from .runs import assert_same, train

INITS: list[Any] = ["default", "auto", "he_normal", {"name": "normal", "std": 0.5}, {"name": "constant", "value": 0.3}]
CLASSED = ("bce", "bce_logits", "cross_entropy")
DEADLY: list[Any] = [{"name": "constant", "value": 1e30}, {"name": "normal", "std": 1e25}]

OPTIMIZERS: dict[str, dict[str, list[Any]]] = {
    "sgd": {"momentum": [0.0, 0.9], "dampening": [0.0, 0.3]},
    "adagrad": {"lr_decay": [0.0, 0.1]},
    "rmsprop": {"momentum": [0.0, 0.9], "centered": [False, True]},
    "adam": {"betas": [[0.9, 0.999], [0.5, 0.7]], "amsgrad": [False, True]},
    "adamw": {"betas": [[0.9, 0.999], [0.5, 0.7]]},
    "nadam": {"betas": [[0.9, 0.999], [0.5, 0.7]], "decoupled_weight_decay": [False, True]},
    "radam": {"betas": [[0.9, 0.999], [0.5, 0.7]], "decoupled_weight_decay": [False, True]},
}
SCHEDULES: list[Any] = [
    "constant",
    "constant",
    "cosine",
    {"name": "power", "per": "update"},
    {"name": "step", "every": 1, "warmup": 2},
    {"name": "plateau", "patience": 1},
]

norms = st.one_of(
    st.just("none"),
    st.builds(
        lambda name, place: {"name": name, "place": place},
        st.sampled_from(["batch", "layer", "rms"]),
        st.sampled_from(["before", "after"]),
    ),
)


@st.composite
def structures(draw) -> dict[str, Any]:
    """Small random networks and data: what all runs of a stack have in common."""
    samples = draw(st.sampled_from([4, 7, 16, 33, 40]))
    loss = draw(st.sampled_from(["sum", "mse", "l1", "huber", "bce", "bce_logits", "cross_entropy"]))
    layers = draw(st.integers(1, 3))
    norm = draw(norms)
    drops = draw(st.integers(0, 3)) == 0
    return {
        "model": {
            "layers": layers,
            "width": draw(st.sampled_from([1, 3, 5, 8, 20])),
            "activation": draw(st.sampled_from(sorted(ACTIVATIONS))),
            "output": "sigmoid" if loss == "bce" else draw(st.sampled_from(["none", "same", "softmax"])),
            "norm": norm,
            "input_norm": draw(st.sampled_from(["none", "batch"])),
            "residual": draw(st.booleans()),
            "bias": draw(st.booleans()),
            "freeze": ["model.0.*"] if layers > 1 and not drops and draw(st.integers(0, 4)) == 0 else [],
            "dropout": 0.5 if drops else 0.0,
        },
        "data": {
            "name": "random",
            "samples": samples,
            "features": draw(st.sampled_from([1, 3, 20])),
            "classes": 2,
            "test_fraction": draw(st.sampled_from([0.0, 0.3])),
            "validation_fraction": draw(st.sampled_from([0.0, 0.0, 0.2])),
            "class_weights": None if loss == "sum" else draw(st.sampled_from([None, None, "balanced", [1.0, 3.0]])),
        },
        "loss": loss,
        "optimizer": {
            "name": draw(st.sampled_from(list(OPTIMIZERS))),
            "groups": draw(st.sampled_from([[], [], [{"match": "*.weight", "lr_scale": 0.3}]])),
        },
        "regularize": {
            "label_smoothing": 0.1 if loss in CLASSED and draw(st.booleans()) else 0.0,
            "adversarial": draw(st.sampled_from([0.0, 0.0, 0.1])),
        },
        "train": {
            "epochs": draw(st.integers(1, 3)),
            "batch_size": draw(st.sampled_from([None, 2, 3, 8])),
            "accumulate": draw(st.sampled_from([1, 1, 2])),
            "precision": draw(st.sampled_from(["float32", "float32", "float64", "bf16", "fp16"])),
        },
    }


@st.composite
def runs(draw, structure: dict[str, Any], inits: list[Any] = INITS) -> dict[str, Any]:
    """One run of that structure: what may differ within a stack."""
    choices = {"lr": [0.001, 0.1, 3.0], "weight_decay": [0.0, 0.1], **OPTIMIZERS[structure["optimizer"]["name"]]}
    optimizer = structure["optimizer"] | {name: draw(st.sampled_from(values)) for name, values in choices.items()}
    return {
        **structure,
        "seed": draw(st.integers(0, 3)),
        "model": {
            **structure["model"],
            "init": draw(st.sampled_from(inits)),
            "dropout": structure["model"]["dropout"] and draw(st.sampled_from([0.2, 0.6])),
        },
        "regularize": {
            **{name: share and draw(st.sampled_from([0.05, 0.2])) for name, share in structure["regularize"].items()},
            "input_noise": draw(st.sampled_from([0.0, 0.0, 0.3])),
            "weight_noise": draw(st.sampled_from([0.0, 0.0, 0.1])),
            "max_norm": draw(st.sampled_from([None, None, 0.5])),
            "l1": draw(st.sampled_from([0.0, 0.0, 0.05])),
        },
        "optimizer": optimizer,
        "schedule": draw(st.sampled_from(SCHEDULES)),
        "train": {
            **structure["train"],
            "early_stopping": draw(st.sampled_from([None, 1, 2])) if structure["data"]["validation_fraction"] else None,
        },
        "clip": draw(st.sampled_from(["none", {"mode": "norm", "threshold": 0.1}, {"mode": "value", "threshold": 0.01}])),
    }


@st.composite
def plans(draw) -> tuple[dict[str, Any], list[dict[str, Any]], int, int, int]:
    """A run, its neighbours (some of which diverge), its place among them, how many rows a stack may have, and what is large."""
    structure = draw(structures())
    neighbours = draw(st.lists(runs(structure, INITS + DEADLY), min_size=1, max_size=7))
    if draw(st.integers(0, 3)) == 0:
        neighbours = neighbours * 6
    place, most = draw(st.integers(0, len(neighbours))), draw(st.sampled_from([2, 3, 5, 1024]))
    return draw(runs(structure)), neighbours, place, most, draw(st.sampled_from([1, optimizers.BY_ROW]))


def can_be(values: dict[str, Any]) -> bool:
    """Batch norm refuses batches of one, and torch has no RReLU in fp16."""
    if values["train"]["precision"] == "fp16" and values["model"]["activation"] == "rrelu":
        return False
    if "batch" not in (values["model"]["input_norm"], values["model"]["norm"] != "none" and values["model"]["norm"]["name"]):
        return True
    samples = values["data"]["samples"]
    left = samples + sum(-samples * values["data"][f"{part}_fraction"] // 1 for part in ("test", "validation"))
    return (left % (values["train"]["batch_size"] or left)) != 1


@pytest.fixture
def rows(monkeypatch):
    return lambda most: monkeypatch.setattr(_grouping, "MAX_ROWS", most)


@settings(max_examples=60)
@given(plan=plans())
def test_a_run_has_the_same_bits_alone_and_in_any_company(plan):
    me, neighbours, place, most, by_row = plan
    if not can_be(me):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimizers, "BY_ROW", by_row)
        (alone,) = train(me)
        patch.setattr(_grouping, "MAX_ROWS", most)
        together = train(*neighbours[:place], me, *neighbours[place:])
    assert len(together) == len(neighbours) + 1
    assert_same(together[place], alone)


NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"model": {"width": 5}},
    "mlp, sigmoid": {"model": {"width": 5, "activation": "sigmoid"}},
    "batch norm": {"model": {"width": 5, "norm": "batch"}},
    "dropout": {"model": {"width": 5, "dropout": 0.4}},
    "dropout and norm": {"model": {"width": 5, "dropout": 0.4, "input_dropout": 0.1, "norm": "batch"}},
    "filters": {
        "model": {
            "kind": "layers",
            "modules": [{"Unflatten": [1, [1, 3, 3]]}, {"Conv2d": [1, 3, 2]}, "ReLU", "Flatten", {"Linear": [12, 3]}],
        }
    },
    "filters down to a point": {
        "model": {
            "kind": "layers",
            "modules": [
                {"Unflatten": [1, [1, 3, 3]]},
                {"Conv2d": [1, 5, 3]},
                {"Conv2d": [5, 6, 3, 1, 1]},
                {"BatchNorm2d": [6]},
                "Flatten",
                {"Linear": [6, 3]},
            ],
        }
    },
    "few filters, then many": {
        "model": {
            "kind": "layers",
            "modules": [
                {"Unflatten": [1, [1, 3, 3]]},
                {"Conv2d": [1, 3, 2]},
                "ReLU",
                {"Conv2d": [3, 8, 3, 1, 1]},
                "Flatten",
                {"Linear": [32, 3]},
            ],
        }
    },
    "a line of filters down to a point": {
        "model": {
            "kind": "layers",
            "modules": [{"Unflatten": [1, [1, 9]]}, {"Conv1d": [1, 5, 9]}, "ReLU", "Flatten", {"Linear": [5, 3]}],
        }
    },
    "gates": {"model": {"kind": "gru", "width": 5}},
    "cells": {"model": {"kind": "lstm", "width": 5, "layers": 2}},
    "attention": {"model": {"kind": "transformer", "width": 6, "heads": 3}},
    "attention, not gelu": {"model": {"kind": "transformer", "width": 6, "heads": 2, "activation": "relu", "feedforward": 5}},
    "attention and dropout": {"model": {"kind": "transformer", "width": 6, "heads": 2, "dropout": 0.2}},
    "random slopes": {"model": {"kind": "layers", "modules": [{"Linear": [9, 5]}, "RReLU", {"Linear": [5, 3]}]}},
    "noise": {"model": {"kind": "layers", "modules": [{"Linear": [9, 5]}, {"AlphaDropout": [0.3]}, "Mish", {"Linear": [5, 3]}]}},
    "not known": {"model": {"kind": "layers", "modules": [{"Linear": [9, 5]}, {"LPPool1d": [2.0, 1]}, {"Linear": [5, 3]}]}},
    "hard to map": {
        "model": {
            "kind": "layers",
            "modules": [{"Linear": [9, 5]}, {"BatchNorm1d": {"num_features": 5, "momentum": None}}, {"Linear": [5, 3]}],
        }
    },
}


@pytest.mark.parametrize("name", NETWORKS)
def test_alone_with_one_with_seven_in_any_order_and_in_any_chunks(name, rows):
    base = {
        **NETWORKS[name],
        "data": {"name": "random", "samples": 23, "features": 9, "classes": 3, "test_fraction": 0.2},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.05},
        "train": {"epochs": 3, "batch_size": 8},
    }
    eight = [{**base, "seed": seed, "optimizer": {"name": "adam", "lr": 0.05 / (seed + 1)}} for seed in range(8)]
    alone = [train(each)[0] for each in eight]
    for each in train(eight[0], eight[1]):
        assert_same(each, alone[int(each.name)])
    for most in (1024, 3, 2):
        rows(most)
        for each, wanted in zip(train(*eight), alone, strict=True):
            assert_same(each, wanted)
    order = list(range(8))
    random.Random(0).shuffle(order)
    for place, each in zip(order, train(*[eight[place] for place in order]), strict=True):
        assert_same(each, alone[place])


@pytest.fixture
def large(monkeypatch):
    """Every network counts as one that fills the processor."""
    monkeypatch.setattr(_ways, "HEAVY", -1)
    monkeypatch.setattr(_ways, "_chosen", {})


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_large_runs_do_not_depend_on_those_before_them(optimizer, large):
    base = {
        "model": {"width": 5, "dropout": 0.4, "norm": "batch"},
        "data": {"name": "random", "samples": 23, "features": 9, "classes": 3},
        "loss": "cross_entropy",
        "train": {"epochs": 3, "batch_size": 8},
    }
    changes = [{}, {"weight_decay": 0.1}, *[{name: values[-1]} for name, values in OPTIMIZERS[optimizer].items()]]
    runs = [
        {**base, "seed": seed, "optimizer": {"name": optimizer, "lr": 0.05 / (seed + 1), **each}}
        for seed, each in enumerate(changes)
    ]
    runs.insert(1, {**runs[0], "model": {**base["model"], "init": DEADLY[0]}})
    together = train(*runs)
    assert all(trace.how.startswith("one by one: one run fills") for trace in together)
    for trace, values in zip(together, runs, strict=True):
        assert_same(trace, train(values)[0])


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_in_mixed_precision_each_run_has_its_own_scale(precision):
    base = {
        "model": {"width": 5, "activation": "sigmoid", "norm": "batch"},
        "data": {"name": "random", "samples": 25, "features": 9, "classes": 3, "test_fraction": 0.2},
        "loss": "sum",
        "train": {"epochs": 8, "batch_size": 8, "precision": precision},
    }
    rates = [{**base, "seed": seed, "optimizer": {"name": "adam", "lr": 3.0**seed / 100}} for seed in range(5)]
    fatal = {**base, "model": {**base["model"], "init": {"name": "constant", "value": 1e30}}}
    together = train(*rates[:2], fatal, *rates[2:])
    alone = [train(each)[0] for each in (*rates[:2], fatal, *rates[2:])]
    for one, other in zip(together, alone, strict=True):
        assert_same(one, other)
    if precision == "fp16":
        assert len({trace.scaling.skipped for trace in alone}) > 2


def test_why_a_network_is_not_stacked():
    how = {}
    for name, model in NETWORKS.items():
        data = {"name": "random", "samples": 8, "features": 9, "classes": 3}
        how[name] = train({**model, "data": data, "loss": "cross_entropy"}, probes=[])[0].how
    stacked = ["mlp", "mlp, sigmoid", "batch norm", "dropout", "dropout and norm", "filters"]
    stacked += ["filters down to a point", "few filters, then many", "a line of filters down to a point"]
    stacked += ["gates", "cells", "attention", "attention, not gelu", "attention and dropout"]
    assert [name for name, reason in how.items() if reason == "stacked"] == stacked
    assert "randomness" in how["noise"]
    assert "rrelu" in how["random slopes"]
    assert ".item()" in how["hard to map"]
    assert how["not known"] == "one by one: LPPool1d is not known to compute the same bits in every stack"


def test_how_a_run_is_computed_does_not_depend_on_the_first_run_of_its_stack():
    base = {"data": {"name": "random", "samples": 8, "features": 3, "classes": 2}, "loss": "cross_entropy"}
    for init in DEADLY:
        for model in ({"norm": "layer"}, {"norm": "layer", "freeze": ["model.0.*"]}):
            runs = [{**base, "model": {**model, "init": init}}, {**base, "model": model}]
            assert [trace.how for trace in train(*runs, probes=[])] == ["stacked", "stacked"]


def test_runs_of_several_structures_come_back_in_the_order_they_were_given():
    base = {"data": {"name": "random", "samples": 8, "features": 3, "classes": 2}, "loss": "cross_entropy"}
    values = [{**base, "model": {"width": width}, "seed": seed} for seed in range(3) for width in (2, 5, 3)]
    for each, alone in zip(train(*values), values, strict=True):
        assert each.config.model.width == alone["model"]["width"]
        assert_same(each, train(alone)[0])
