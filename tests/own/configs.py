"""Configs of the networks and data beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from trainlab import engine
from trainlab.config import validate
from trainlab.plan import PlannedRun
from trainlab.report import Trace

NETS = str(Path(__file__).with_name("nets.py"))
SETS = str(Path(__file__).with_name("sets.py"))
CPU = torch.device("cpu")

CASES: dict[str, tuple[str, str]] = {
    "residual": ("ResNet", "pairs"),
    "mapping": ("Reader", "Sentences"),
    "transformer": ("Encoder", "masked"),
    "tied": ("Tied", "trigrams"),
    "branching": ("Wandering", "arrays"),
    "buffers": ("Centred", "arrays"),
}


def own(target: str, **args: Any) -> dict[str, Any]:
    """A data, loss or optimizer section."""
    return {"name": "python", "target": f"{SETS}:{target}", "args": args}


def make(net: str = "Perceptron", data: str | dict[str, Any] = "arrays", **sections: Any) -> dict[str, Any]:
    """A config; `args` are those of the network."""
    model = {"kind": "python", "target": f"{NETS}:{net}", "args": sections.pop("args", {})}
    return {
        "model": model,
        "data": own(data) if isinstance(data, str) else data,
        "loss": "cross_entropy",
        "train": {"epochs": 2, "batch_size": 32},
        **sections,
    }


def prepare(values: dict[str, Any]) -> engine.Work:
    return engine.prepare(validate(values), CPU)


def train(*values: dict[str, Any], probes: tuple[str, ...] = ("gradient-norm", "total-norm", "accuracy")) -> list[Trace]:
    """All as one plan; the name of a run is its place in it."""
    runs = [PlannedRun(name=str(place), patch={}, config=validate(each)) for place, each in enumerate(values)]
    return engine.train(runs, [engine.prepare(run.config, CPU) for run in runs], probes)
