from __future__ import annotations

import torch

from trainlab import engine
from trainlab.config import validate
from trainlab.plan import PlannedRun

BASE = {"data": {"name": "linear", "samples": 40}, "loss": "mse"}


def record(values: dict) -> list[float]:
    run = PlannedRun(name="base", patch={}, config=validate({**BASE, **values}))
    (trace,) = engine.train([run], [engine.prepare(run.config, torch.device("cpu"))], ["learning-rate"])
    series = trace.series["learning-rate"]
    assert series.per == "update"
    assert series.at[0] == 1
    return series.values.tolist()


def test_is_exact_whatever_the_number_format():
    assert record({"optimizer": {"lr": 0.1}, "train": {"epochs": 3}}) == [0.1, 0.1, 0.1]


def test_follows_the_schedule():
    schedule = {"name": "piecewise", "boundaries": [1, 2], "values": [1, 0.5, 0.25]}
    assert record({"schedule": schedule, "train": {"epochs": 3, "batch_size": 20}}) == [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025]


def test_is_sampled_at_200_updates():
    assert len(record({"schedule": "cosine", "train": {"epochs": 450}})) == 200
