"""The processes of the ranks: which of them are started here, what they are at, and who is to blame when one is gone."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from trainlab.engine._course import Course
from trainlab.engine._workers import hold_signals
from trainlab.engine.ranks._meeting import PLACES, Stage
from trainlab.engine.ranks._rank import Failed, Measured, list_stages, serve
from trainlab.errors import UserError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

POLL_SECONDS = 0.05
START_SECONDS = 120.0  # for all ranks to import torch and to meet, at least
BLAME_SECONDS = 1.0  # for a rank that has died to be seen as such, after another has lost it


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """Which ranks this process starts.

    Attributes:
        world: how many ranks there are in all.
        first: number of the first one here.
        here: how many.
        meet: where they find each other.
        telling: other processes have started the rest, and all of them report.
    """

    world: int
    first: int
    here: int
    meet: str
    telling: bool


def find_seats(ranks: int, folder: str, environment: Mapping[str, str]) -> Seats:
    """All ranks, or, where torchrun has started this process, the one that it is.

    Args:
        ranks: that the largest run asks for.
        folder: where those of one host find each other.
        environment: of the process.

    Raises:
        UserError: torchrun has started fewer.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= environment.keys():
        return Seats(world=ranks, first=0, here=ranks, meet=(Path(folder) / "meeting").as_uri(), telling=False)
    world = int(environment["WORLD_SIZE"])
    if ranks > world:
        raise UserError(f"are more than the {world} that torchrun has started", key="distributed.ranks", value=str(ranks))
    return Seats(world=world, first=int(environment["RANK"]), here=1, meet="env://", telling=True)


class Started:
    """The ranks of this host.

    Attributes:
        processes: one a rank.
    """

    def __init__(self, processes: Sequence[BaseProcess], board: Any, results: Sequence[Connection], first: int) -> None:
        self.processes = processes
        self._board, self._first = board, first
        self._results = {connection: seat for seat, connection in enumerate(results)}

    def watch(self, course: Course, names: Sequence[str], timeout: float) -> Iterator[tuple[int, Measured]]:
        """What the first rank finds, run by run, with the position of each.

        Args:
            course: told of what is done, and asked whether to go on.
            names: of the runs.
            timeout: seconds in which some rank must move on.

        Raises:
            UserError: one has died or hangs.
        """
        done = 0
        failed: dict[int, Failed] = {}
        before, moved, lost = list(self._board), time.monotonic(), math.inf
        while done < len(names) and course.look([], None):
            for seat, each in self._take_in():
                if isinstance(each, Failed):
                    failed[seat] = each
                else:
                    done += 1
                    yield each
            now = time.monotonic()
            if self._board[:] != before:
                before, moved = list(self._board), now
            dead = [seat for seat, each in enumerate(self.processes) if each.exitcode not in (None, 0) and seat not in failed]
            if failed or dead:
                lost = min(lost, now)
            culprit = dead or [seat for seat, each in failed.items() if not each.waiting]
            if done < len(names) and (culprit or now - lost > BLAME_SECONDS):
                raise self._explain(names[done], dead, failed)
            limit = max(timeout, START_SECONDS) if Stage.STARTING in list_stages(self._board, len(self.processes)) else timeout
            if done < len(names) and now - moved > limit:
                raise self._explain_silence(names[done], limit)

    def _take_in(self) -> Iterator[tuple[int, Any]]:
        for ready in wait(list(self._results), timeout=POLL_SECONDS):
            connection = cast("Connection", ready)
            try:
                yield self._results[connection], connection.recv()
            except (EOFError, OSError):
                del self._results[connection]
        if not self._results:
            time.sleep(POLL_SECONDS)  # all have ended

    def _explain(self, name: str, dead: Sequence[int], failed: Mapping[int, Failed]) -> UserError:
        """Why it cannot go on: a rank that has died, else one that has failed by itself, else one that has lost the others.

        Raises:
            RuntimeError: our own code is to blame.
        """
        if dead:
            seat = dead[0]
            end = _say_exit(self.processes[seat].exitcode)
            return UserError(f"{self._name(seat, name)} has died: {end}", key="distributed.ranks")
        seat, reason = min(failed.items(), key=lambda each: each[1].waiting)
        if reason.error is not None:
            return reason.error
        if reason.is_ours:
            raise RuntimeError(f"{self._name(seat, name)} fails:\n{reason.details}")
        told = f"fails: {reason.text}"
        if reason.waiting:
            told = f"has lost the others: {reason.text.partition('. ')[0]}"  # what follows is advice to torch's own developers
        error = UserError(f"{self._name(seat, name)} {told}", key="distributed.ranks")
        error.add_note(reason.details)
        return error

    def _explain_silence(self, name: str, timeout: float) -> UserError:
        stages = list_stages(self._board, len(self.processes))
        busy = [seat for seat, stage in enumerate(stages) if stage in (Stage.COMPUTING, Stage.STARTING)]
        if not busy:
            return UserError(
                f"the ranks wait for each other for more than {timeout:g} s, at update {self._board[2]} of {name}: one on another "
                "host may be gone, or the network between them",
                key="--timeout",
                value=f"{timeout:g}",
            )
        told = self._name(busy[0], name)
        others = "" if len(busy) == len(stages) or len(stages) == 1 else ", and the others wait for it"
        return UserError(
            f"{told} does not move on for more than {timeout:g} s{others}; a longer --timeout if it is slow",
            key="--timeout",
            value=f"{timeout:g}",
        )

    def _name(self, seat: int, run: str) -> str:
        update = self._board[PLACES * seat + 2]
        return f"rank {self._first + seat}" + (f", at update {update} of {run}," if update else ", before its first update,")


def _say_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}" + (", of memory perhaps" if code == -signal.SIGKILL else "")
    return f"exit code {code}"


@contextlib.contextmanager
def start(job: Path, seats: Seats) -> Iterator[Started]:
    """The ranks of this host while the block lasts; none outlives it, nor this process.

    Args:
        job: where the pickled Job is: what is given to a process by multiprocessing is waited for without end if that dies early.
        seats: which they are.
    """
    context = multiprocessing.get_context("spawn")  # what has threads cannot be forked safely
    theirs, ours = context.Pipe(duplex=False)
    board = context.RawArray("q", PLACES * seats.here)
    resource_tracker.ensure_running()  # started with the first process it would let signals through again
    processes: list[BaseProcess] = []
    results: list[Connection] = []
    try:
        with hold_signals(), _set_environment(), _hide_main():
            for seat in range(seats.here):
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=serve, args=(seat, str(job), board, theirs, sender), daemon=True)
                process.start()
                sender.close()
                processes.append(process)
                results.append(receiver)
        theirs.close()
        yield Started(processes, board, results, seats.first)
    finally:
        ours.close()
        for each in processes:
            each.kill()
        for each in processes:
            each.join()
        for connection in results:
            connection.close()


@contextlib.contextmanager
def _hide_main() -> Iterator[None]:
    """A process that is started does not import the main module: it may be a script that would do everything once more."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _set_environment() -> Iterator[None]:
    """What ranks on one host begin with: they meet within it, and torch tells of a lost connection in its exception only."""
    names = {name for _, name in socket.if_nameindex()} if hasattr(socket, "if_nameindex") else set()
    inside = next((name for name in ("lo", "lo0") if name in names), None)
    wanted = {"TORCH_CPP_LOG_LEVEL": "FATAL"}
    if inside is not None and "RANK" not in os.environ:
        wanted["GLOO_SOCKET_IFNAME"] = inside
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
