"""Ranks that die, hang or fail: one clear error, and nothing is left behind."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from trainlab import engine
from trainlab.config import validate
from trainlab.engine import Progress
from trainlab.engine._course import Course
from trainlab.engine.ranks import train_on_ranks
from trainlab.engine.ranks._meeting import PLACES, Stage
from trainlab.engine.ranks._rank import Failed
from trainlab.engine.ranks._starting import Started
from trainlab.errors import UserError
from trainlab.plan import PlannedRun, Ranks
from trainlab.report import Trace

TARGET = "tests.engine.ranks.networks:Faulty"


def train(how: str, *, timeout: float = 60.0, listen: Any = lambda _: True) -> list[Trace]:
    config = validate(
        {
            "model": {"kind": "python", "target": TARGET, "args": {"how": how}},
            "data": {"name": "classification", "samples": 100, "test_fraction": 0.0},
            "loss": "bce_logits",
            "train": {"batch_size": 7},
            "distributed": {"ranks": 2, "remainder": "drop"},
        }
    )
    run, work = PlannedRun(name="base", patch={}, config=config), engine.prepare(config, torch.device("cpu"))
    return train_on_ranks([run], [work], Ranks(steps=4, timeout=timeout), torch.device("cpu"), 1, listen)


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert multiprocessing.active_children() == []
    assert list(tmp_path.iterdir()) == []


def test_a_rank_that_dies() -> None:
    with pytest.raises(UserError, match=r"rank 1, at update \d of base, has died: killed by SIGKILL"):
        train("dies")


def test_a_rank_that_hangs() -> None:
    with pytest.raises(UserError, match=r"rank 1, at update \d of base, does not move on for more than 2 s, and the others wait"):
        train("hangs", timeout=2.0)


def test_who_wants_to_stop_gets_what_there_is() -> None:
    asked: list[Progress] = []

    def listen(progress: Progress) -> bool:
        asked.append(progress)
        return len(asked) < 3

    began = time.monotonic()
    assert train("waits", listen=listen) == []
    assert len(asked) == 3
    assert time.monotonic() - began < 60


class Process:
    """What is asked of a process, without one."""

    def __init__(self, exitcode: int | None = None) -> None:
        self.exitcode = exitcode


class TestBlame:
    """Who is named, told from the board and what the ranks have sent; no process is started."""

    def watch(self, sent: dict[int, Failed], exits: list[int | None], stages: list[Stage], timeout: float = 0.2) -> str:
        board = [number for stage in stages for number in (1, int(stage), 3)]
        assert len(board) == PLACES * len(exits)
        pipes = [multiprocessing.Pipe(duplex=False) for _ in exits]
        for seat, failed in sent.items():
            pipes[seat][1].send(failed)
        started = Started([Process(code) for code in exits], board, [ours for ours, _ in pipes], 4)  # type: ignore[arg-type,misc]
        course = Course([], lambda _: True)
        with pytest.raises((UserError, RuntimeError)) as error:
            list(started.watch(course, ["base"], timeout))
        return f"{type(error.value).__name__}: {error.value}"

    def fail(self, text: str, *, waiting: bool = False, is_ours: bool = False, error: UserError | None = None) -> Failed:
        return Failed(text=text, waiting=waiting, error=error, details="File x", is_ours=is_ours)

    def test_one_that_has_died_before_those_that_have_lost_it(self) -> None:
        lost = {0: self.fail("RuntimeError: connection closed", waiting=True)}
        told = self.watch(lost, [1, -9], [Stage.WAITING, Stage.COMPUTING])
        assert "rank 5, at update 3 of base, has died: killed by SIGKILL" in told

    def test_one_that_fails_by_itself_before_those_that_have_lost_it(self) -> None:
        sent = {0: self.fail("RuntimeError: connection closed", waiting=True), 1: self.fail("ValueError: seven is too many")}
        told = self.watch(sent, [1, 1], [Stage.WAITING, Stage.COMPUTING])
        assert "rank 5, at update 3 of base, fails: ValueError: seven is too many" in told

    def test_one_that_has_lost_the_others_where_no_other_is_here(self) -> None:
        text = "RuntimeError: connection closed. Check the logs before reporting it."
        told = self.watch({0: self.fail(text, waiting=True)}, [1], [Stage.WAITING], timeout=60.0)
        assert told.endswith("rank 4, at update 3 of base, has lost the others: RuntimeError: connection closed")

    def test_an_error_of_the_user_is_told_as_it_is(self) -> None:
        error = UserError("must be drop or repeat", key="distributed.remainder")
        told = self.watch({1: self.fail("UserError", error=error)}, [None, 1], [Stage.WAITING, Stage.COMPUTING])
        assert told == "UserError: distributed.remainder: must be drop or repeat"

    def test_a_bug_of_ours_is_none_of_the_users(self) -> None:
        told = self.watch({1: self.fail("KeyError", is_ours=True)}, [None, 1], [Stage.WAITING, Stage.COMPUTING])
        assert told.startswith("RuntimeError: rank 5")

    def test_all_wait_for_one_that_is_not_here(self) -> None:
        told = self.watch({}, [None, None], [Stage.WAITING, Stage.WAITING])
        assert "--timeout: the ranks wait for each other for more than 0.2 s, at update 3 of base" in told

    def test_to_start_may_take_longer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("trainlab.engine.ranks._starting.START_SECONDS", 0.5)
        told = self.watch({}, [None, None], [Stage.COMPUTING, Stage.STARTING])
        assert "for more than 0.5 s" in told
