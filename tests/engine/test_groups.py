"""Groups of parameters, each at its own multiple of the learning rate, next to torch's parameter groups."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainlab import optimizers
from trainlab.config import validate
from trainlab.engine import _ways
from trainlab.errors import UserError
from trainlab.optimizers import _blocks, find_scales

from .plain import OPTIMIZERS, train_plain
from .runs import prepare, see_weights, train

GROUPS = [{"match": "model.0.*", "lr_scale": 0.1}, {"match": "*.bias", "lr_scale": 3.0}, {"match": "model.0.bias", "lr_scale": 7.0}]
BASE = {
    "model": {"layers": 3, "width": 6, "activation": "tanh"},
    "data": {"name": "linear", "samples": 40},
    "loss": "mse",
    "train": {"epochs": 50, "batch_size": 13, "precision": "float64"},  # 200 updates
}


def give(name: str, rate: float, groups: list[dict[str, object]] = GROUPS) -> dict[str, object]:
    return {**BASE, "optimizer": {"name": name, "lr": rate, "weight_decay": 0.01, "groups": groups}}


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_equal_torch_for_200_steps(name, one_by_one, monkeypatch):
    if one_by_one:
        monkeypatch.setattr(_ways, "HEAVY", -1)
        monkeypatch.setattr(_ways, "_chosen", {})
    runs = [give(name, 0.01), give(name, 0.003, GROUPS[1:]), give(name, 0.01, [])]
    traces = train(*runs, probes=[see_weights(monkeypatch)])
    for values, trace in zip(runs, traces, strict=True):
        plain = train_plain(values)
        assert trace.updates == len(plain.updates) == 200
        assert np.allclose(trace.arrays["weights"], plain.weights, rtol=0, atol=1e-9)
    assert not np.allclose(traces[0].arrays["weights"], traces[2].arrays["weights"], atol=1e-3)


def test_the_first_group_that_matches_counts():
    layout = prepare(BASE).layout
    specs = [validate(give("sgd", 0.1)).optimizer, validate(give("sgd", 0.1, [])).optimizer]
    scales = find_scales(specs, layout, torch.zeros(2, layout.total, dtype=torch.float64))
    assert scales is not None
    told = {name: set(part.flatten().tolist()) for name, part in layout.unflatten(scales[:1]).items()}
    assert told == {
        "model.0.weight": {0.1},
        "model.0.bias": {0.1},
        "model.2.weight": {1.0},
        "model.2.bias": {3.0},
        "model.4.weight": {1.0},
        "model.4.bias": {3.0},
    }
    assert (scales[1] == 1).all()
    assert find_scales(specs[1:], layout, torch.zeros(1, layout.total)) is None


def test_a_step_in_blocks_takes_each_weight_at_its_own_rate(monkeypatch):
    weights = torch.arange(10, dtype=torch.float64)[None].repeat(2, 1)
    specs = [validate(give("adam", 0.1)).optimizer] * 2
    step, state, columns = optimizers.start(specs, weights)
    columns["lr"] = columns["lr"] * torch.linspace(0.1, 1, 10, dtype=torch.float64)
    whole, _ = step(weights, weights + 1, state, columns)
    monkeypatch.setattr(_blocks, "BLOCK", 4)
    cut, _ = step(weights, weights + 1, state, columns)
    assert torch.equal(whole, cut)


def test_a_group_that_holds_nothing_is_told():
    with pytest.raises(UserError, match=r"optimizer.groups: matches no parameter that trains .*model.9.*model.0.weight"):
        prepare(give("sgd", 0.1, [{"match": "model.9.*", "lr_scale": 0.1}]))
    with pytest.raises(UserError, match=r"optimizer.groups: matches no parameter that trains"):
        prepare({**give("sgd", 0.1), "model": {"layers": 2, "freeze": ["model.0.*"]}})
