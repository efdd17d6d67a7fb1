"""Real small trainings for rules to judge: a config, the probes that the rule needs, and the trace that comes of it."""

from __future__ import annotations

import functools
import json
from typing import Any

import torch

from tests.rules.traces import SCALES, rescale, summarize
from trainlab import engine
from trainlab.config import validate
from trainlab.plan import PlannedRun
from trainlab.report import Finding, Trace

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
