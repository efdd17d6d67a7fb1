"""Real, small trainings for rules to judge: healthy, with one fault, and with what only looks like it."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.rules.traces import SCALES, rescale, summarize
from trainlab import engine
from trainlab.config import validate
from trainlab.plan import PlannedRun
from trainlab.report import Finding, Skipped, Trace

ADAM = {"name": "adam", "lr": 0.01}
SGD = {"name": "sgd", "lr": 0.01}
BLOBS: dict[str, Any] = {"name": "blobs", "samples": 200}
LINE: dict[str, Any] = {"name": "linear", "samples": 100, "slope": 3.0, "intercept": 2.0, "noise": 0.1}


def train(rule: Any, **values: Any) -> Trace:
    """The run of a config, measured as the rule asks; the same config is trained once."""
    return _train(json.dumps(values), tuple(rule.needs))


@functools.lru_cache(maxsize=64)
def _train(values: str, needs: tuple[str, ...]) -> Trace:
    run = PlannedRun(name="base", patch={}, config=validate(json.loads(values)))
    torch.set_num_threads(1)
    work = engine.prepare(run.config, torch.device("cpu"))
    (trace,) = engine.train([run], [work], [name for name in needs if name not in engine.ALWAYS])
    return trace


def fit(
    rule: Any, data: dict[str, Any], loss: str = "cross_entropy", *, model: Any = None, optimizer: Any = None, **more: Any
) -> Trace:
    """The run of a network on these data; `more` goes into `train`."""
    course = {"epochs": 20, "batch_size": 32, **more}
    return train(rule, data=data, loss=loss, model=model or {}, optimizer=optimizer or ADAM, train=course)


def judge(rule: Any, *args: Any, **more: Any) -> list[Finding | Skipped]:
    """What the rule says of the run that `fit` makes."""
    return list(rule.judge(fit(rule, *args, **more)))


def find(rule: Any, trace: Trace) -> Finding:
    """The one finding of a rule that must fire, and must fire alike in other units."""
    (found,) = rule.judge(trace)
    assert isinstance(found, Finding), found
    for factor in SCALES:
        assert summarize(rule, rescale(trace, factor)) == summarize(rule, trace)
    return found


def is_silent(rule: Any, trace: Trace) -> bool:
    """Nothing found and nothing left open, in any units."""
    return all(list(rule.judge(each)) == [] for each in (trace, *(rescale(trace, factor) for factor in SCALES)))


def save(folder: Path, inputs: Any, target: Any, **more: Any) -> dict[str, Any]:
    """The samples in a file, as a `data` section."""
    path = folder / f"samples-{len(list(folder.iterdir()))}.npz"  # what was loaded from a file is kept by its name
    np.savez(path, x=np.asarray(inputs, dtype=np.float32), y=target)
    return {"name": "npz", "path": str(path), **more}
