"""Real, small trainings for the rules that judge data and model: healthy, with one fault, and with what only looks like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from engine.runs import train

from trainlab.report import Finding, Skipped, Trace

ADAM = {"name": "adam", "lr": 0.01}
SGD = {"name": "sgd", "lr": 0.01}


def fit(
    rule: Any, data: dict[str, Any], loss: str = "cross_entropy", *, model: Any = None, optimizer: Any = None, **more: Any
) -> Trace:
    """A trace of one training with what the rule needs; `more` goes into `train`."""
    values = {
        "data": data,
        "loss": loss,
        "model": model or {},
        "optimizer": optimizer or ADAM,
        "train": {"epochs": 20, "batch_size": 32, **more},
    }
    return train(values, probes=[name for name in rule.needs if name != "loss"])[0]


def judge(rule: Any, *args: Any, **more: Any) -> list[Finding | Skipped]:
    return list(rule.judge(fit(rule, *args, **more)))


def save(folder: Path, inputs: Any, target: Any, **more: Any) -> dict[str, Any]:
    """The samples in a file, as a `data` section."""
    path = folder / f"samples-{len(list(folder.iterdir()))}.npz"  # what was loaded from a file is kept by its name
    np.savez(path, x=np.asarray(inputs, dtype=np.float32), y=target)
    return {"name": "npz", "path": str(path), **more}
