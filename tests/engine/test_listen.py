"""Progress, and stopping half way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainlab import engine
from trainlab.config import validate
from trainlab.engine import _course, _objective
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


SQUARE: dict[str, Any] = {**BASE, "model": {"width": 3}, "train": {"epochs": 2}}
LOOKS = ("curvature", "escape", "sharpness", "surface")


def look_until(count: int):
    """Answers False from so many questions on that are asked while a probe looks."""
    seen: list[engine.Progress] = []

    def listen(progress: engine.Progress) -> bool:
        if progress.looking:
            seen.append(progress)
        return len(seen) < count

    return seen, listen


def test_what_is_looked_at_is_told_and_may_be_stopped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.0)
    seen, listen = look_until(10**9)
    whole = train(SQUARE, {**SQUARE, "seed": 1}, probes=LOOKS, listen=listen)
    assert list(dict.fromkeys(each.looking for each in seen)) == [*LOOKS]
    assert {(each.updates_done, each.updates) for each in seen} == {(4, 4)}
    first = next(place for place, each in enumerate(seen) if each.looking == "escape")
    _, listen = look_until(first - 5)  # within the curvatures of the second run
    half = train(SQUARE, {**SQUARE, "seed": 1}, WIDER, probes=LOOKS, listen=listen)
    assert [trace.updates for trace in half] == [2, 2]  # and the third has not begun
    assert half[0].metrics["curvature_highest"] == whole[0].metrics["curvature_highest"]
    assert half[1].metrics["curvature_highest"] is None
    assert not any("escape_loss" in trace.metrics or "surface" in trace.arrays for trace in half)


def test_what_is_quickly_looked_at_is_not_lost_when_training_is_stopped():
    (trace,) = train({**SQUARE, "train": {"epochs": 1000}}, probes=LOOKS, listen=stop_before(6))
    assert trace.updates == 5
    assert trace.metrics["curvature_highest"] is not None
    assert trace.metrics["sharp_random"] is not None


@pytest.mark.parametrize(
    ("width", "probe"), [(3, "curvature"), (60, "curvature"), (60, "sharpness"), (60, "surface"), (60, "largest-curvature")]
)
def test_a_forecast_is_what_looking_takes_at_most(width: int, probe: str, monkeypatch: pytest.MonkeyPatch):
    """In calls, as if each took a second; the curvatures, which the others need too, are worked out beforehand."""
    values = {**SQUARE, "model": {"width": width, "layers": 3}}
    run = PlannedRun(name="base", patch={}, config=validate(values))
    work = engine.prepare(run.config, engine.choose_device("cpu"))
    for name in ("_spectrum", "sharpness", "surface"):
        monkeypatch.setattr(f"trainlab.probes.{name}.time_call", lambda _: 1.0)
    seconds, memory = engine.forecast_looks([run, run], [work, work], [probe, "accuracy"])
    calls: list[str] = []

    def count(name: str, call: Any) -> Any:
        return lambda *given: calls.append(name) or call(*given)

    before = [] if probe.endswith("curvature") else ["curvature"]
    for name in ("curve", "measure", "differentiate"):
        monkeypatch.setattr(_objective.LossSurface, name, count(name, getattr(_objective.LossSurface, name)))
    train(values, probes=before)
    spent = len(calls)
    train(values, probes=[*before, probe])
    made = len(calls) - 2 * spent
    assert seconds[probe] % 2 == 0  # two runs
    assert seconds[probe] / 2 / 4 <= made <= seconds[probe] / 2 + 20  # and what it takes to begin with
    assert memory >= work.layout.total * 8 * (not before)


def test_what_is_quickly_looked_at_is_not_forecast():
    run = PlannedRun(name="base", patch={}, config=validate(BASE))
    work = engine.prepare(run.config, engine.choose_device("cpu"))
    assert engine.forecast_looks([run], [work], ["accuracy", "activations"]) == ({}, 0)
