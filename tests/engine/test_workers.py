"""Training in several processes, and on an executor: the same bits, whoever trains."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from trainlab import engine
from trainlab.config import validate
from trainlab.engine import Elsewhere, Progress, Workers, _workers
from trainlab.engine._course import Course
from trainlab.engine._workers import divide, pack, train_packed, unpack
from trainlab.errors import Problem, UserError
from trainlab.plan import PlannedRun
from trainlab.report import Trace

from .runs import ALL, CPU, assert_same

BASE: dict[str, Any] = {
    "model": {"width": 4, "activation": "sigmoid", "dropout": 0.2},
    "data": {"name": "classification", "samples": 60, "test_fraction": 0.3},
    "loss": "bce_logits",
    "train": {"epochs": 3, "batch_size": 16},
}
PLAN = [{**BASE, "seed": seed, "optimizer": {"name": "adam", "lr": rate}} for seed in range(3) for rate in (0.01, 0.1, 1e6)] + [
    {**BASE, "model": {"width": 3, "norm": "batch"}},
    # it draws from torch's global streams, and so is trained one by one
    *({**BASE, "seed": seed, "model": {"kind": "layers", "modules": [{"Linear": [20, 1]}, "RReLU"]}} for seed in range(2)),
]


def plan(values: list[dict[str, Any]]) -> tuple[list[PlannedRun], list[engine.Work]]:
    runs = [PlannedRun(name=str(place), patch={}, config=validate(each)) for place, each in enumerate(values)]
    return runs, [engine.prepare(run.config, CPU) for run in runs]


def assert_all_same(some: list[Trace], others: list[Trace]) -> None:
    assert [trace.name for trace in some] == [trace.name for trace in others]
    for one, other in zip(some, others, strict=True):
        assert_same(one, other)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes are started for the smallest work."""
    for name in ("PAYS_SECONDS", "TRY_SECONDS", "OWN_SHARE", "STEP_SECONDS"):
        monkeypatch.setattr(_workers, name, 0.0)


class TestDecision:
    """Whether other processes are started; none is, here."""

    def ask(self, updates: int = 1000, processes: int = 2, runs: int = 8) -> list[list[list[int]] | None]:
        values = {**BASE, "train": {"epochs": updates, "batch_size": None}}
        _, works = plan([{**values, "seed": seed} for seed in range(runs)])
        workers = Workers(processes, 1)
        ask = workers.try_out([list(range(runs))], Course(works, lambda _: True))
        return [ask(update) for update in range(4)]

    def test_it_pays(self, eager: None) -> None:
        first, told, *later = self.ask()
        assert (first, later) == (None, [None, None])  # nothing is known before the first update; and it is told once
        assert told == [[0, 1], [2, 3], [4, 5], [6, 7]]

    def test_little_work_stays_here(self, eager: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_workers, "PAYS_SECONDS", 6.0)
        assert self.ask(updates=4) == [None] * 4

    def test_before_it_is_known_what_it_takes(self, eager: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_workers, "TRY_SECONDS", 60.0)
        assert self.ask() == [None] * 4

    def test_cores_that_others_use_are_left_to_them(self, eager: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_workers, "OWN_SHARE", 1.5)
        assert self.ask() == [None] * 4

    def test_a_stack_that_would_not_be_faster_cut_is_not(self, eager: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_workers, "STEP_SECONDS", 60.0)
        assert self.ask() == [None] * 4

    def test_the_first_chunk_stays_first_and_the_largest_of_the_others_comes_next(self, eager: None) -> None:
        widths = (3, 3, 5, 5, 9, 9, 4, 4)
        _, works = plan([{**BASE, "model": {"width": width}, "train": {"epochs": 1000}} for width in widths])
        ask = Workers(2, 1).try_out([[0, 1], [2, 3], [4, 5], [6, 7]], Course(works, lambda _: True))
        assert [ask(update) for update in range(2)][1] == [[0, 1], [4, 5], [2, 3], [6, 7]]

    def test_processes_that_are_there_take_less_work(self, eager: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_workers, "PAYS_SECONDS", 1e9)
        monkeypatch.setattr(_workers, "AT_HAND", 0.0)
        _, works = plan([{**BASE, "seed": seed} for seed in range(4)])
        workers, course = Workers(2, 1), Course(works, lambda _: True)
        told = []
        with ThreadPoolExecutor(1) as executor:
            for there in (None, executor):
                workers._executor = there
                ask = workers.try_out([[0, 1, 2, 3]], course)
                told.append([ask(update) for update in range(2)][1])
        assert told == [None, [[0, 1], [2, 3]]]

    def test_one_process_or_one_run(self, eager: None) -> None:
        assert self.ask(processes=1) == [None] * 4
        assert self.ask(runs=1) == [None] * 4


def test_parts_are_even() -> None:
    assert [len(part) for part in divide(list(range(10)), 4)] == [3, 4, 3]
    for count in range(1, 40):
        for rows in range(1, 12):
            parts = divide(list(range(count)), rows)
            assert [each for part in parts for each in part] == list(range(count))
            assert max(map(len, parts)) <= rows
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


class TestWorkers:
    def test_two_processes_give_the_same_bits(self, eager: None) -> None:
        runs, works = plan(PLAN)
        seen: list[Progress] = []
        children: set[int] = set()

        def listen(progress: Progress) -> bool:
            seen.append(progress)
            children.update(child.pid or 0 for child in multiprocessing.active_children())
            return True

        with Workers(2, 1) as workers:
            together = engine.train(runs, works, ALL, listen, workers)
            again = engine.train(runs, works, ALL, listen, workers)  # by the same processes
        assert len(children) == 1
        assert not multiprocessing.active_children()
        alone = engine.train(runs, works, ALL)
        assert_all_same(together, alone)
        assert_all_same(again, alone)
        assert {(each.runs, each.updates) for each in seen} == {(len(runs), sum(work.updates for work in works))}
        assert max(each.updates_done for each in seen) <= seen[0].updates

    def test_what_is_in_training_when_the_others_begin_goes_on(self, eager: None, monkeypatch: pytest.MonkeyPatch) -> None:
        runs, works = plan([{**BASE, "seed": seed, "model": {"width": width}} for width in (3, 4) for seed in range(2)])
        begun: list[str] = []

        def note(own: list[PlannedRun], *rest: Any) -> list[Trace]:
            begun.extend(run.name for run in own)
            return train_chunk(own, *rest)

        train_chunk = engine.train_chunk
        monkeypatch.setattr(engine, "train_chunk", note)
        with Workers(2, 1) as workers:
            traces = engine.train(runs, works, ALL, workers=workers)
            assert workers._executor is not None
        assert begun == ["0", "1"]
        assert_all_same(traces, engine.train(runs, works, ALL))

    def test_what_a_dead_process_was_at_is_trained_here(self, eager: None) -> None:
        runs, works = plan(PLAN)
        killed: list[int] = []

        def listen(progress: Progress) -> bool:
            for child in multiprocessing.active_children() if not killed else ():
                killed.append(child.pid or 0)
                os.kill(killed[-1], signal.SIGKILL)
            return True

        with Workers(2, 1) as workers:
            traces = engine.train(runs, works, ALL, listen, workers)
        assert len(killed) == 1
        assert_all_same(traces, engine.train(runs, works, ALL))

    def test_stopping_reports_what_the_others_have(self, eager: None) -> None:
        long = {**BASE, "train": {"epochs": 1_000_000, "batch_size": None}}
        runs, works = plan([{**long, "seed": seed} for seed in range(4)])
        began = time.monotonic()
        with Workers(2, 1) as workers:
            # the first run is in training here; what the other process has done counts beside it
            def listen(progress: Progress) -> bool:
                board = workers._board
                return not (board and board[1] > 5) and time.monotonic() - began < 30

            traces = engine.train(runs, works, ["total-norm"], listen, workers)
            assert not multiprocessing.active_children()
        assert [trace.name for trace in traces] == ["0", "1", "2", "3"]
        assert all(5 < trace.updates < trace.planned for trace in traces[:2])

    def test_a_worker_of_another_version_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        runs, works = plan(PLAN[:1])
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(_workers, "find_versions", lambda: ("0", "0"))
            packed = pack(runs, works, [], [0], 1, 0)
        with pytest.raises(UserError) as caught:
            unpack(train_packed(packed))
        assert caught.value.problems[0].key == "--executor"
        assert "trainlab 0 with torch 0" in str(caught.value)

    def test_an_error_that_cannot_travel_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class StrangeError(Exception):
            def __init__(self, one: int, other: int) -> None:
                super().__init__(f"{one} and {other}")

        def fail(*_: object) -> list[Trace]:
            raise StrangeError(1, 2)

        monkeypatch.setattr(engine, "train_chunk", fail)
        runs, works = plan(PLAN[:1])
        with pytest.raises(RuntimeError, match="1 and 2"):
            unpack(train_packed(pack(runs, works, [], [0], 1, 0)))


class Failing(Executor):
    """Loses what it gets, or does not take it."""

    def __init__(self, *, takes: bool) -> None:
        self.takes = takes

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        if not self.takes:
            raise RuntimeError("closed\nsince long")
        future: Future[Any] = Future()
        future.set_exception(ConnectionError())
        return future


class TestElsewhere:
    def test_threads_give_the_same_bits(self) -> None:
        runs, works = plan(PLAN)
        with ThreadPoolExecutor(2) as executor:
            traces = engine.train(runs, works, ALL, workers=Elsewhere(executor, 1))
        assert_all_same(traces, engine.train(runs, works, ALL))

    def test_it_gets_independent_chunks(self) -> None:
        runs, works = plan([{**BASE, "seed": seed} for seed in range(20)])
        taken: list[list[str]] = []

        class Noting(ThreadPoolExecutor):
            def submit(self, function: Any, packed: bytes) -> Future[Any]:  # type: ignore[override]
                taken.append([run.name for run in pickle.loads(packed).runs])
                return super().submit(function, packed)

        with Noting(1) as executor:
            engine.train(runs, works, [], workers=Elsewhere(executor, 1))
        assert [name for part in taken for name in part] == [run.name for run in runs]
        assert 5 <= len(taken) <= 8

    @pytest.mark.parametrize(
        ("takes", "message"), [(True, "has lost 2 runs: ConnectionError"), (False, "does not take 2 runs: RuntimeError: closed")]
    )
    def test_what_goes_wrong_in_it_is_one_message(self, takes: bool, message: str) -> None:
        runs, works = plan([{**BASE, "seed": seed} for seed in range(16)])
        with pytest.raises(UserError) as caught:
            engine.train(runs, works, [], workers=Elsewhere(Failing(takes=takes), 1))
        (problem,) = caught.value.problems
        assert (problem.key, problem.message) == ("--executor", f"the executor {message}")

    def test_stopping_keeps_what_is_done(self) -> None:
        runs, works = plan([{**BASE, "seed": seed} for seed in range(16)])
        with ThreadPoolExecutor(1) as executor:
            traces = engine.train(runs, works, [], lambda progress: progress.runs_done < 4, Elsewhere(executor, 1))
        assert 4 <= len(traces) < 16
        assert all(trace.updates == trace.planned for trace in traces)


def test_an_error_is_pickled_with_its_problems() -> None:
    error = UserError([Problem(message="is wrong", key="a.b", value="3", choices=("x",))])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_signals_are_held_while_processes_start() -> None:
    with _workers.hold_signals():
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
