from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from trainlab.probes import clip_angle
from trainlab.step import Layout, Step

from .slow import BASE, CLIPPED, join, length, measure, repeat


def test_equals_the_arc_cosine_where_that_is_accurate():
    found = measure("clip-angle", CLIPPED).series["clip-angle"].values
    wanted = []
    for update in repeat(CLIPPED).updates:
        raw, used = join(update.raw), join(update.used)
        wanted.append(math.degrees(math.acos(math.fsum(raw * used) / length(raw) / length(used))))
    assert min(wanted) > 1
    assert found.tolist() == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("clip", ["none", {"mode": "norm", "threshold": 0.001}])
def test_without_clipping_and_by_norm_nothing_turns(clip):
    found = measure("clip-angle", {**BASE, "clip": clip}).series["clip-angle"].values
    assert np.allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize("cut", [1e-6, 0.01, 1.0, 2.9])
def test_float32_gradients_are_turned_by_what_float64_says(cut):
    """A thousand numbers of single precision, clipped by value: a tenth to none of them are left as they are."""
    raw = torch.randn(1, 1000, generator=torch.Generator().manual_seed(0))
    used = raw.clamp(-cut, cut)
    layout = Layout(names=("w",), shapes=(torch.Size([1000]),), sizes=(1000,))
    number = torch.ones(1)
    step = Step(update=1, layout=layout, before=raw, raw=raw, used=used, after=raw, loss=number, rate=number)
    u, v = raw[0].double().numpy(), used[0].double().numpy()
    u, v = u / length(u), v / length(v)
    wanted = math.degrees(2 * math.atan2(length(u - v), length(u + v)))
    assert wanted > 0.1
    assert clip_angle.measure(step).item() == pytest.approx(wanted, abs=1e-6)


def test_the_example_of_the_source():
    """A gradient of (100, 1), cut at 1: by value it turns by 44.4 degrees, by norm by none."""
    rows = torch.tensor([[100.0, 1.0], [100.0, 1.0]])
    layout = Layout(names=("w",), shapes=(torch.Size([2]),), sizes=(2,))
    used = torch.tensor([[1.0, 1.0], [0.99995, 0.0099995]])
    number = torch.ones(2)
    step = Step(update=1, layout=layout, before=rows, raw=rows, used=used, after=rows, loss=number, rate=number)
    assert clip_angle.measure(step).tolist() == pytest.approx([44.427, 0], abs=1e-4)
