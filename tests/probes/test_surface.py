from __future__ import annotations

import numpy as np
import pytest

from tests.engine.runs import train
from tests.probes.toy import SMALL, TOY, look
from trainlab.probes.surface import ACROSS, DOWN


def test_of_two_weights_it_is_the_plane_itself() -> None:
    trace = look(1.0, 1.0, "surface")
    across, down = trace.arrays["surface-across"], trace.arrays["surface-down"]
    assert trace.arrays["surface"].shape == (DOWN, ACROSS)
    wanted = (1 - (1 + across[None, :]) * (1 + down[:, None])) ** 2
    assert trace.arrays["surface"] == pytest.approx(wanted)
    assert (across[ACROSS // 2], down[DOWN // 2]) == (0.0, 0.0)
    assert (across[0], down[0]) == (-across[-1], -down[-1])
    assert down[0] > 0  # the first row is the upper one


def test_the_way_ends_at_the_point() -> None:
    (trace,) = train({**TOY, "weights": [1.0, -0.5], "train": {"epochs": 400}}, probes=["surface"])
    across, down = trace.series["path-across"], trace.series["path-down"]
    assert across.at.tolist() == down.at.tolist()
    assert across.at[0] == 1
    assert len(across.at) <= 60
    begin = np.array([across.values[0], down.values[0]])
    weights = np.array([1.0, -0.5]) - begin  # where it stopped
    assert weights[0] * weights[1] == pytest.approx(1.0, abs=1e-5)
    assert (across.values[-1], down.values[-1]) == pytest.approx((0.0, 0.0), abs=1e-5)
    assert abs(trace.arrays["surface-down"]).max() >= abs(begin[1])  # the start is in the picture
    assert "surface" not in trace.series


def test_of_more_weights_it_has_the_lowest_and_the_highest_curvature_for_axes() -> None:
    one, other = train(SMALL, {**SMALL, "seed": 5}, probes=["surface", "curvature"])
    assert not np.array_equal(one.arrays["surface"], other.arrays["surface"])
    for trace in (one, other):
        surface, across, down = (trace.arrays[name] for name in ("surface", "surface-across", "surface-down"))
        middle, centre = surface[DOWN // 2], surface[:, ACROSS // 2]
        for line, steps, name in ((middle, across, "curvature_lowest"), (centre, down, "curvature_highest")):
            at, step = len(line) // 2, steps[1] - steps[0]
            curved = (line[at + 1] - 2 * line[at] + line[at - 1]) / step**2
            assert curved == pytest.approx(trace.metrics[name], rel=0.5, abs=0.05)


def test_a_single_weight_has_no_plane() -> None:
    values = {"model": {"layers": 1, "bias": False, "outputs": 1}, "data": {"name": "ones", "target": 1.0}, "loss": "mse"}
    (trace,) = train(values, probes=["surface"])
    assert "surface" not in trace.arrays
    assert "path-across" not in trace.series
