"""y = w1 w2 x, one sample (1, 1), loss (1 - w1 w2)^2: the smallest network with a saddle."""

from __future__ import annotations

from typing import Any

from tests.engine.runs import train
from trainlab.report import Trace

TOY: dict[str, Any] = {
    "model": {"layers": 2, "width": 1, "activation": "identity", "bias": False},
    "data": {"name": "ones", "target": 1.0},
    "loss": "mse",
    "optimizer": {"lr": 0.05},
}
SMALL: dict[str, Any] = {
    "model": {"layers": 3, "width": 4, "activation": "tanh"},
    "data": {"name": "iris", "test_fraction": 0.0},
    "loss": "cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.02},
    "train": {"epochs": 20},
}


def look(first: float, second: float, *probes: str, **more: Any) -> Trace:
    """The toy with these weights, as they are."""
    return train({**TOY, "weights": [first, second], "train": {"updates": 0}, **more}, probes=probes)[0]
