"""Progress, and stopping half way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainlab import engine
from trainlab.config import validate
from trainlab.engine import _course
from trainlab.plan import PlannedRun

from .runs import train

BASE: dict[str, Any] = {"data": {"name": "linear", "samples": 10}, "loss": "mse", "train": {"epochs": 4, "batch_size": 4}}
WIDER: dict[str, Any] = {**BASE, "model": {"width": 5}}


def stop_before(update: int):
    """Answers False at the given call."""
    seen: list[engine.Progress] = []

    def listen(progress: engine.Progress) -> bool:
        seen.append(progress)
        return len(seen) < update

    return listen


def test_progress_is_told_before_every_update_of_a_stack():
    seen: list[engine.Progress] = []
    train(BASE, {**BASE, "seed": 1}, WIDER, listen=lambda progress: seen.append(progress) or True)
    assert len(seen) == 24
    assert {(each.runs, each.updates) for each in seen} == {(3, 36)}
    assert [each.updates_done for each in seen] == [*range(0, 24, 2), *range(24, 36)]
    assert [each.runs_done for each in seen] == [0] * 12 + [2] * 12
    assert {each.epochs for each in seen} == {12}
    assert [each.epochs_done for each in seen] == [
        *(2 * (update // 3) for update in range(12)),
        *(8 + update // 3 for update in range(12)),
    ]


def test_progress_tells_the_lowest_loss_of_an_epoch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_course, "LOOK_SECONDS", 0.0)
    seen: list[engine.Progress] = []
    traces = train(BASE, {**BASE, "seed": 1}, WIDER, listen=lambda progress: seen.append(progress) or True)
    assert [each.best for each in seen[:3]] == [None] * 3
    first = [trace.series["loss"].values.tolist() for trace in traces[:2]]
    assert seen[3].best == min(values[0] for values in first)
    assert seen[12].best == min(min(values) for values in first)


def test_stopping_within_an_epoch_keeps_what_was_measured():
    full = train(BASE, {**BASE, "seed": 1})
    half = train(BASE, {**BASE, "seed": 1}, WIDER, listen=stop_before(6))
    assert [trace.name for trace in half] == ["0", "1"]
    for part, whole in zip(half, full, strict=True):
        assert (part.updates, part.planned, part.nonfinite) == (5, 12, None)
        assert part.series["total-norm"].at.tolist() == [1, 2, 3, 4, 5]
        assert np.array_equal(part.series["total-norm"].values, whole.series["total-norm"].values[:5])
        assert part.series["loss"].at.tolist() == [1, 2]
        assert part.series["loss"].values[0] == whole.series["loss"].values[0]
        assert isinstance(part.metrics["train_loss"], float)


def test_stopping_between_epochs():
    (trace,) = train(BASE, listen=stop_before(7))
    assert trace.updates == 6
    assert trace.series["loss"].at.tolist() == [1, 2]
    assert np.array_equal(trace.series["loss"].values, train(BASE)[0].series["loss"].values[:2])


def test_runs_that_had_not_begun_are_left_out():
    assert train(BASE, listen=stop_before(1)) == []
    assert [trace.name for trace in train(BASE, WIDER, listen=stop_before(13))] == ["0"]


def test_what_it_would_cost():
    runs = [PlannedRun(name="base", patch={}, config=validate({**BASE, "train": {"epochs": 1000}}))] * 3
    works = [engine.prepare(run.config, engine.choose_device("cpu")) for run in runs]
    seconds, peak = engine.measure_cost(runs, works)
    assert 0.01 < seconds < 60
    (few,) = {engine.measure_cost(runs[:1], works[:1])[1]}
    assert 0 < few < peak


def test_how_long_an_update_takes_by_itself():
    runs = [PlannedRun(name=name, patch={}, config=validate({**BASE, "train": {"epochs": 1000}})) for name in ("base", "again")]
    works = [engine.prepare(run.config, engine.choose_device("cpu")) for run in runs]
    seconds = engine.time_updates(runs, works, rounds=1)
    assert len(seconds) == 2
    assert all(0 < each < 1 for each in seconds)
