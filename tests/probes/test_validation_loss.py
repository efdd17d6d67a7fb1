from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from engine.plain import place, train_plain
from engine.runs import train

from trainlab.config import validate
from trainlab.data import load

from .slow import BASE

HELD = {**BASE, "data": {**BASE["data"], "samples": 60, "validation_fraction": 0.2}}


def test_equals_the_loss_of_a_plain_loop_that_ends_there():
    neighbour, trace = train({**HELD, "seed": 9}, HELD, probes=["validation-loss"])
    series = trace.series["validation-loss"]
    assert (series.per, series.at.tolist()) == ("epoch", [1, 2, 3, 4])
    config = validate(HELD)
    inputs, target = place(load(config.data).validation, config, 3, torch.float64)
    for epoch, found in zip(series.at, series.values, strict=True):
        plain = train_plain({**HELD, "train": {**HELD["train"], "epochs": int(epoch)}})
        assert found == pytest.approx(F.cross_entropy(plain.model(inputs), target).item(), abs=1e-12)
    assert (neighbour.series["validation-loss"].values != series.values).all()


def test_there_is_none_without_a_validation_part():
    (trace,) = train(BASE, probes=["validation-loss"])
    assert trace.series.keys() == {"loss"}
