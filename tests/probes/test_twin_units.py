from __future__ import annotations

import math

import numpy as np
import torch
from engine.runs import train

from trainlab.probes.twin_units import measure
from trainlab.step import Layout, Step


def step(after: list[list[float]], shape: tuple[int, ...]) -> Step:
    """One parameter of one run for each row."""
    rows = torch.tensor(after, dtype=torch.float64)
    layout = Layout(names=("w",), shapes=(torch.Size(shape),), sizes=(rows.shape[1],))
    nothing = torch.zeros(len(rows), dtype=torch.float64)
    return Step(update=1, layout=layout, before=torch.zeros_like(rows), raw=rows, used=rows, after=rows, loss=nothing, rate=nothing)


def test_the_share_that_equals_the_first():
    rows = [[1, 2, 1, 2, 1, 2], [1, 2, 1, 2, 1, 3], [1, 2, 3, 4, 1, 2.1], [0, 0, 0, 0, 0, 0]]
    assert measure(step(rows, (3, 2)))[:, 0].tolist() == [1.0, 0.5, 0.0, 1.0]


def test_equal_up_to_rounding_of_the_largest():
    assert measure(step([[1.0, 1e-9, 1.0, 9e-6]], (2, 2))).item() == 1.0
    assert measure(step([[1.0, 1e-9, 1.0, 2e-5]], (2, 2))).item() == 0.0
    assert measure(step([[1e-30, 2e-30]], (2, 1))).item() == 0.0


def test_weights_that_left_the_finite_numbers_are_no_copies():
    for gone in (math.inf, math.nan):
        assert measure(step([[gone, gone, 1.0, 2.0, gone, gone]], (3, 2))).item() == 0.0
        assert measure(step([[1.0, 2.0, gone, 1.0, 3.0, 4.0]], (3, 2))).item() == 0.0


def test_filters_are_units_and_biases_and_single_units_are_not():
    assert measure(step([[1.0] * 8], (2, 1, 2, 2))).item() == 1.0
    assert math.isnan(measure(step([[1.0, 1.0]], (2,))).item())
    assert math.isnan(measure(step([[1.0, 1.0]], (1, 2))).item())


def test_in_a_run():
    values = {
        "model": {"layers": 2, "width": 4, "activation": "tanh", "init": {"name": "constant", "value": 0.2}},
        "data": {"name": "random", "samples": 20, "features": 3, "classes": 3},
        "loss": "cross_entropy",
        "train": {"epochs": 3},
    }
    other = {**values, "model": {**values["model"], "init": "he_normal"}}
    same, different = train(values, other, probes=["twin-units"])
    assert same.series["twin-units"].values[-1, 0] == 1.0
    assert same.series["twin-units"].values[-1, 2] == 0.0  # the classes pull the outputs apart
    assert not different.series["twin-units"].values[:, [0, 2]].any()
    assert np.isnan(different.series["twin-units"].values[:, [1, 3]]).all()
