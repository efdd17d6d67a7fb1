"""Other processes make the user's network anew: by its name, found where this process found it."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.runs import ALL, assert_same
from trainlab import engine
from trainlab.config import validate
from trainlab.engine import Workers, _work, _workers
from trainlab.engine._work import Recipe
from trainlab.errors import UserError
from trainlab.plan import PlannedRun

from .configs import CPU, make, own, prepare, train

NET = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self, width=4):
        super().__init__(nn.Linear(64, width), nn.Linear(width, 10))
"""


def plan(values: list[dict[str, Any]]) -> tuple[list[PlannedRun], list[engine.Work]]:
    runs = [PlannedRun(name=str(place), patch={}, config=validate(each)) for place, each in enumerate(values)]
    return runs, [engine.prepare(run.config, CPU) for run in runs]


def test_what_is_sent_is_how_it_is_made() -> None:
    packed = _workers.pack(*plan([make("Centred")]), (), [0], 1, 0)
    (sent,) = pickle.loads(packed).works
    assert isinstance(sent, Recipe)
    assert len(packed) < 10_000


def test_a_network_of_trainlab_on_the_users_data_is_made_there_too() -> None:
    (sent,) = pickle.loads(_workers.pack(*plan([{"data": own("arrays"), "loss": "cross_entropy"}]), (), [0], 1, 0)).works
    assert isinstance(sent, Recipe)


def test_processes_of_this_machine_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is in a folder that only this process looks in."""
    (tmp_path / "only_here.py").write_text(NET)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    for name in ("PAYS_SECONDS", "TRY_SECONDS", "OWN_SHARE", "STEP_SECONDS"):
        monkeypatch.setattr(_workers, name, 0.0)
    values = [
        {**make(), "model": {"kind": "python", "target": "only_here:Net", "args": {"width": width}}, "seed": seed}
        for width in (3, 4)
        for seed in (0, 1, 2)
    ]
    values.append(make("Centred", optimizer={"name": "python", "target": "torch.optim:Adamax"}))
    runs, works = plan(values)
    here = engine.train(runs, works, ALL)
    with Workers(2, 1) as workers:
        shared = engine.train(runs, works, ALL, workers=workers)
    for one, other in zip(here, shared, strict=True):
        assert_same(one, other)


def test_a_target_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET)
    values = {**make(), "model": {"kind": "python", "target": f"{path}:Net"}}
    packed = _workers.pack(*plan([values]), (), [0], 1, 0)
    path.unlink()
    monkeypatch.setattr(_work, "_prepared", {})  # as in a process that has not seen it
    for name in [name for name in sys.modules if name.startswith("trainlab_target") and "not_there" in name]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match="there is no file"):
        _workers.unpack(_workers.train_packed(packed))


def test_seeds_pair_runs_and_repeat() -> None:
    first, again, other = (train(make("ResNet", "pairs", seed=seed))[0] for seed in (0, 0, 1))
    assert_same(first, again)
    assert first.metrics["train_loss"] != other.metrics["train_loss"]
    assert prepare(make(seed=0)).model is prepare(make(seed=0)).model
