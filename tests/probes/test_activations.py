from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
import torch
from engine.plain import train_plain
from engine.runs import train

VALUES: dict[str, Any] = {
    "model": {"layers": 3, "width": 6, "activation": "tanh", "norm": "batch", "init": {"name": "normal", "std": 2.0}},
    "data": {"name": "random", "samples": 40, "features": 4, "classes": 3},
    "loss": "cross_entropy",
    "train": {"epochs": 3, "precision": "float64"},
}


def outputs(values: dict[str, Any]) -> list[list[list[float]]]:
    """`[module][sample][unit]` at the weights of the last gradient, module by module; batch norm by these very samples."""
    plain = train_plain(values)
    plain.model.load_state_dict({name: torch.from_numpy(part) for name, part in plain.updates[-1].before.items()}, strict=False)
    plain.model.train()
    hidden, found = plain.train[0], []
    for module in plain.model.model:
        hidden = module(hidden)
        found.append(hidden.tolist())
    return found


def test_mean_spread_and_variance_over_the_samples():
    trace = train({**VALUES, "seed": 1}, VALUES, probes=["activations"])[1]
    for index, rows in enumerate(outputs(VALUES)):
        flat = [number for row in rows for number in row]
        units = list(zip(*rows, strict=True))
        assert trace.arrays["activation-mean"][index] == pytest.approx(math.fsum(flat) / len(flat), abs=1e-8)
        assert trace.arrays["activation-std"][index] == pytest.approx(statistics.pstdev(flat), abs=1e-8)
        wanted = statistics.fmean(statistics.pvariance(unit) for unit in units)
        assert trace.arrays["activation-variance"][index] == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize(("activation", "low", "high"), [("tanh", -0.94, 0.94), ("sigmoid", 0.03, 0.97), ("hardtanh", -0.94, 0.94)])
def test_saturated_is_within_3_percent_of_a_bound(activation, low, high):
    values = {**VALUES, "model": {**VALUES["model"], "activation": activation}}
    (trace,) = train(values, probes=["activations"])
    found = trace.arrays["activation-saturated"]
    shares = []
    for index, (module, rows) in enumerate(zip(trace.modules, outputs(values), strict=True)):
        if module.kind.lower() == activation:
            flat = [number for row in rows for number in row]
            shares.append(sum(number < low or number > high for number in flat) / len(flat))
            assert found[index] == pytest.approx(shares[-1], abs=1e-12)
        else:
            assert np.isnan(found[index])
    assert 0 < max(shares) < 1


def test_a_unit_is_dead_when_no_sample_wakes_it():
    model = {"layers": 3, "width": 8, "activation": "relu", "output": "same", "init": {"name": "normal", "std": 1.0, "bias": -1.5}}
    values = {**VALUES, "model": model}
    (trace,) = train(values, probes=["activations"])
    found = trace.arrays["activation-dead"]
    shares = []
    for index, (module, rows) in enumerate(zip(trace.modules, outputs(values), strict=True)):
        if module.kind == "ReLU":
            shares.append(statistics.fmean(all(number == 0 for number in unit) for unit in zip(*rows, strict=True)))
            assert found[index] == pytest.approx(shares[-1])
        else:
            assert np.isnan(found[index])
    assert 0 < max(shares) < 1


def test_large_data_are_sampled_evenly():
    values = {"data": {"name": "linear", "samples": 1300}, "loss": "mse", "train": {"precision": "float64"}}
    (trace,) = train(values, probes=["activations"])
    plain = train_plain(values)
    chosen = plain.train[0][[int(place * 1299 / 511 + 1e-9) for place in range(512)]]
    with torch.no_grad():
        assert trace.arrays["activation-mean"][0] == pytest.approx(plain.model.model[0](chosen).mean().item(), abs=1e-3)
        assert trace.arrays["activation-mean"][0] != pytest.approx(
            plain.model.model[0](plain.train[0][:512]).mean().item(), abs=1e-6
        )
