from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from engine.runs import assert_same, train
from torch.func import functional_call

from trainlab import engine
from trainlab.config import validate
from trainlab.losses import LOSSES

BASE: dict[str, Any] = {
    "model": {"layers": 3, "width": 6, "activation": "tanh"},
    "data": {"name": "random", "samples": 20, "features": 4, "classes": 3},
    "loss": "cross_entropy",
    "train": {"epochs": 2, "precision": "float64"},
}


def measure_slowly(values: dict[str, Any]) -> list[float]:
    """Sample by sample, by backward, at the initial weights."""
    work = engine.prepare(validate(values), torch.device("cpu"))
    model, norms = work.model.eval(), []
    for index in range(work.samples):
        target = work.train.target
        parameters = {name: each.detach().clone().requires_grad_() for name, each in model.named_parameters()}
        output = functional_call(model, parameters, (work.train.inputs[index : index + 1],))
        LOSSES[values["loss"]](output, None if target is None else target[index : index + 1]).backward()
        gradients = [parameters[name].grad for name in work.layout.names]
        norms.append(math.sqrt(sum(float(each.square().sum()) for each in gradients if each is not None)))
    return norms


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"model": {**BASE["model"], "norm": "batch"}},
        {"model": {**BASE["model"], "dropout": 0.5}},
        {"model": {**BASE["model"], "freeze": ["model.0.*"]}},
        {"data": {"name": "linear", "samples": 20}, "loss": "mse"},
        {"model": {"kind": "lstm", "width": 3}, "data": {"name": "adding", "samples": 12}, "loss": "mse"},
        {"model": {"layers": 3, "width": 2, "activation": "sigmoid"}, "data": "ones", "loss": "sum"},
    ],
)
def test_equals_a_loop_over_the_samples(change):
    values = {**BASE, **change}
    trace = train({**values, "seed": 5}, values, probes=["sample-gradients"])[1]
    assert trace.arrays["initial-sample-norms"].tolist() == pytest.approx(measure_slowly(values), rel=1e-8)


def test_looks_and_never_touches():
    (alone,) = train(BASE, probes=["gradient-norm", "accuracy"])
    (beside,) = train(BASE, probes=["gradient-norm", "accuracy", "sample-gradients", "activations"])
    for name in ("loss", "gradient-norm"):
        assert np.array_equal(alone.series[name].values, beside.series[name].values)
    assert alone.metrics == beside.metrics


def test_the_same_bits_whatever_trains_beside_it():
    (alone,) = train(BASE, probes=["sample-gradients", "activations"])
    assert_same(alone, train({**BASE, "seed": 3}, BASE, {**BASE, "seed": 4}, probes=["sample-gradients", "activations"])[1])


def test_many_samples_are_spread_evenly():
    values = {**BASE, "data": {**BASE["data"], "samples": 1100}}
    (trace,) = train(values, probes=["sample-gradients"])
    slow = measure_slowly(values)
    chosen = [place * 1099 // 511 for place in range(512)]
    assert trace.arrays["initial-sample-norms"].tolist() == pytest.approx([slow[place] for place in chosen], rel=1e-8)
