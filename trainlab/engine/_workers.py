"""Other processes that train: those of this machine where they pay, or whatever an executor has."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

import trainlab
from trainlab.engine._course import Course
from trainlab.engine._work import Recipe, Work, follow_recipe, write_recipe
from trainlab.errors import UserError
from trainlab.plan import PlannedRun
from trainlab.report import Trace

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PAYS_SECONDS = 6.0
"""Work left from which on other processes are started: four times the second and a half that one takes to import torch."""
TRY_SECONDS = 0.3  # of training, to tell how long the rest will take
AT_HAND = 0.1  # share of both that is asked for where the other processes are there already
OWN_SHARE = 0.8  # of a core that this process must have got meanwhile: where it gets less, others want the cores too
STEP_SECONDS = 5e-4  # an update of a stack takes as long at least whatever it holds: a stack of less is not cut further
PIECES = 4  # chunks for each process, so that none waits long for the last
FEW_PIECES = 2  # where there are as many anyway: so much of the work is in no single one
GRACE_SECONDS = 5.0  # for a worker that has been asked to stop to say what it has measured
POLL_SECONDS = 0.1

MOST_ROWS = 32  # of a chunk for an executor: stacks of more are hardly faster, and cannot be shared out
FEWEST_CHUNKS = 8  # that an executor gets of runs that could be one stack, unless that leaves less than two for each
WINDOW = 256  # chunks that an executor holds at a time: bounds memory


Doing = Sequence[tuple[Sequence[int], int]]
"""Runs in training, by position, and how many updates each of them has had; a pair for each chunk."""
Shares = list[list[int]] | None
"""Chunks for several processes, of the first of which this one is at a part or the whole; None if it is best left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Runs that train as one stack, wherever that is: what travels.

    Attributes:
        seat: where the worker says how far it is.
        versions: of what decides about the bits of a result.
    """

    runs: Sequence[PlannedRun]
    works: Sequence[Work | Recipe]
    probes: Sequence[str]
    threads: int
    seat: int
    versions: tuple[str, str]


class Workers:
    """Processes beside this one, as many as `processes` says; none is started before it pays."""

    def __init__(self, processes: int, threads: int) -> None:
        self._count, self._threads = processes - 1, threads
        self._executor: Executor | None = None
        self._board: Any = None
        self._line: Connection | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def try_out(self, chunks: Sequence[list[int]], course: Course) -> Callable[[int], Shares]:
        """Who asks after each update of the first chunk, is told once, as soon as it is known, how several would do the rest.

        Args:
            chunks: what is left, the first of them about to be trained here.
            course: of the plan.
        """
        if self._count < 1 or course.device != "cpu":
            return lambda _: None
        began, worked = 0.0, 0.0
        first, asked = chunks[0], TRY_SECONDS * (1.0 if self._executor is None else AT_HAND)

        def ask(updates: int) -> Shares:
            nonlocal began, worked
            now = time.perf_counter()
            if not updates:
                began, worked = now, time.process_time()
            if not updates or now - began < asked:
                return None
            step, share, began = (now - began) / updates, (time.process_time() - worked) / (now - began), math.inf
            left = course.updates_left / len(first) - updates
            return self._share(chunks, left * step, step, course) if share >= OWN_SHARE else None

        return ask

    def _share(self, chunks: Sequence[list[int]], seconds: float, step: float, course: Course) -> Shares:
        """The chunks as several processes would train them, in pieces that leave none idle; None if it would not be sooner.

        After the first they are in order of their size: the last ones, which some process must wait for, are small.

        Args:
            chunks: as above.
            seconds: that they would take here.
            step: seconds that an update of the first takes.
            course: as above.
        """
        if seconds < PAYS_SECONDS * (1.0 if self._executor is None else AT_HAND):
            return None
        processes = self._count + 1
        least = max(2, math.ceil(len(chunks[0]) * STEP_SECONDS / step))
        pieces = processes * (PIECES if len(chunks) < PIECES * processes else FEW_PIECES)
        rows = max(least, math.ceil(sum(map(len, chunks)) / pieces))
        first, *others = [divide(chunk, rows) for chunk in chunks]
        rest = [*first[1:], *itertools.chain.from_iterable(others)]
        return [first[0], *sorted(rest, key=course.measure, reverse=True)] if rest else None

    def share(
        self, runs: Sequence[PlannedRun], works: Sequence[Work], probes: Sequence[str], chunks: Sequence[list[int]], course: Course
    ) -> Shared:
        """Let the other processes begin with the chunks.

        Args:
            runs: of the whole plan.
            works: the same, prepared.
            probes: names of `trainlab.probes`.
            chunks: positions of the runs to train.
            course: filled.
        """
        return Shared(self, lambda positions, seat: pack(runs, works, probes, positions, self._threads, seat), chunks, course)

    @property
    def count(self) -> int:
        """Processes beside this one."""
        return self._count

    def read_board(self, seat: int) -> int:
        """How many updates the worker in that seat, counted from 1, has done of its chunk."""
        return int(self._board[seat])

    def stop(self) -> None:
        """Ask all of them to say what they have measured."""
        self._board[0] = 1

    def submit(self, packed: bytes) -> Future[bytes]:
        """Have a chunk trained elsewhere."""
        if self._executor is None:
            self._start()
        assert self._executor is not None
        with hold_signals():
            return self._executor.submit(train_packed, packed)

    def _start(self) -> None:
        """Processes started anew: what has threads, or a GPU, cannot be forked safely."""
        from concurrent.futures import ProcessPoolExecutor

        context = multiprocessing.get_context("spawn")
        ours, self._line = context.Pipe(duplex=False)
        self._board = context.RawArray("q", self._count + 1)  # whether to stop; then updates done, one place a worker
        self._executor = ProcessPoolExecutor(self._count, mp_context=context, initializer=sit_down, initargs=(ours, self._board))

    def give_up(self) -> None:
        """From here on this process is alone."""
        self._count = 0
        self.close()

    def close(self) -> None:
        """End the processes, whatever they are at."""
        if self._line is not None:
            self._line.close()  # each of them waits for this
            self._line = None
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None


class Shared:
    """Chunks of a plan that several processes train. What a process that dies was at is trained here."""

    def __init__(
        self, workers: Workers, pack_chunk: Callable[[list[int], int], bytes], chunks: Sequence[list[int]], course: Course
    ) -> None:
        self._workers, self._pack, self._course = workers, pack_chunk, course
        self._queue = deque(chunks)
        self._doing: dict[Future[bytes], tuple[int, list[int]]] = {}

    def look(self) -> Doing:
        """What the others are doing; those who have nothing to do get something."""
        self._take_in()
        if self._course.going:
            self._hand_out()
        return [(positions, self._workers.read_board(seat + 1)) for seat, positions in self._doing.values()]

    def finish(self, train_here: Callable[[list[int], Callable[[], Doing]], object]) -> None:
        """Train what is left, here and in the other processes.

        Args:
            train_here: trains a chunk in this process; at each update it asks what the others are doing.
        """
        while self._course.going and (self._queue or self._doing):
            elsewhere = self.look()
            if self._queue:
                train_here(self._queue.popleft(), self.look)
            elif self._doing:
                self._course.look(elsewhere)
                wait(self._doing, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
        if self._doing:
            self._workers.stop()
            wait(self._doing, timeout=GRACE_SECONDS)
            self._queue.clear()
            self._take_in()
            self._workers.give_up()

    def _hand_out(self) -> None:
        while self._queue and len(self._doing) < self._workers.count:
            seat = min(set(range(self._workers.count)) - {seat for seat, _ in self._doing.values()})
            positions = self._queue.popleft()
            try:
                future = self._workers.submit(self._pack(positions, seat + 1))
            except Exception:  # it cannot travel, or nobody is there any more
                self._queue.appendleft(positions)
                self._workers.give_up()
                return
            self._doing[future] = (seat, positions)

    def _take_in(self) -> None:
        for future in [each for each in self._doing if each.done()]:
            _, positions = self._doing.pop(future)
            try:
                packed = future.result()
            except Exception:  # the process has died: of memory, most likely
                self._queue.appendleft(positions)
                self._workers.give_up()
            else:
                self._course.note(positions, unpack(packed))


class Elsewhere:
    """An executor of the user's: it gets every chunk, and this process waits."""

    def __init__(self, executor: Executor, threads: int) -> None:
        self._executor, self._threads = executor, threads

    def cut(self, chunks: Sequence[list[int]]) -> list[list[int]]:
        """Chunks small enough for many workers to have some."""
        return [part for chunk in chunks for part in divide(chunk, max(2, min(MOST_ROWS, math.ceil(len(chunk) / FEWEST_CHUNKS))))]

    def train(
        self,
        runs: Sequence[PlannedRun],
        works: Sequence[Work],
        probes: Sequence[str],
        chunks: Sequence[list[int]],
        course: Course,
    ) -> None:
        """Train the chunks.

        Raises:
            UserError: the executor does not take one, or has lost one.
        """
        queue = deque(chunks)
        doing: dict[Future[bytes], list[int]] = {}
        try:
            while (queue or doing) and course.look([]):
                while queue and len(doing) < WINDOW:
                    positions = queue.popleft()
                    packed = pack(runs, works, probes, positions, self._threads, 0)
                    with hold_signals(), explain("does not take", positions):
                        doing[self._executor.submit(train_packed, packed)] = positions
                wait(doing, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
                for future in [each for each in doing if each.done()]:
                    positions = doing.pop(future)
                    with explain("has lost", positions):
                        packed = future.result()
                    course.note(positions, unpack(packed))
        finally:
            for future in doing:
                future.cancel()


def divide(chunk: list[int], rows: int) -> list[list[int]]:
    """Parts of at most `rows`, as even as can be."""
    parts = math.ceil(len(chunk) / rows)
    bounds = [round(part * len(chunk) / parts) for part in range(parts + 1)]
    return [chunk[start:end] for start, end in itertools.pairwise(bounds)]


@contextlib.contextmanager
def explain(what: str, positions: Sequence[int]) -> Iterator[None]:
    """What goes wrong in an executor as a message: it is none of our code."""
    try:
        yield
    except Exception as error:
        runs = f"{len(positions)} runs" if len(positions) > 1 else "a run"
        reason = ": ".join(filter(None, [type(error).__name__, str(error).strip().partition("\n")[0]]))
        raise UserError(f"the executor {what} {runs}: {reason}", key="--executor") from error


@contextlib.contextmanager
def hold_signals() -> Iterator[None]:
    """Processes that are started in here never see Ctrl-C: it goes to all that share the terminal, and this one ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def pack(
    runs: Sequence[PlannedRun], works: Sequence[Work], probes: Sequence[str], positions: Sequence[int], threads: int, seat: int
) -> bytes:
    """A chunk as bytes: the same for every executor, and a copy of its own for a thread.

    Raises:
        UserError: it holds something of the user's that cannot be sent.
    """
    chunk = Chunk(
        runs=[runs[position] for position in positions],
        works=[write_recipe(works[position]) for position in positions],
        probes=probes,
        threads=threads,
        seat=seat,
        versions=find_versions(),
    )
    try:
        return pickle.dumps(chunk)
    except Exception as error:
        raise UserError(f"the network or its data cannot be sent to another process: {error}", key="--executor") from error


def unpack(packed: bytes) -> list[Trace]:
    """What `train_packed` gives.

    Raises:
        Exception: what the training raised there.
    """
    traces: list[Trace] | Exception = pickle.loads(packed)
    if isinstance(traces, Exception):
        raise traces
    return traces


def find_versions() -> tuple[str, str]:
    """Of this program and of torch."""
    return trainlab.__version__, str(torch.__version__)


_alone = threading.Lock()  # torch's global random streams, which some networks draw from, are one for all threads
_board: Any = None


def train_packed(packed: bytes) -> bytes:
    """Train a chunk: the one function that is called elsewhere."""
    with _alone:
        try:
            return pickle.dumps(_train(pickle.loads(packed)))
        except Exception as error:
            error.add_note("".join(traceback.format_exception(error)))
            return _pack_error(error)


def _pack_error(error: Exception) -> bytes:
    try:
        packed = pickle.dumps(error)
        pickle.loads(packed)  # an exception may need more than it is pickled with
    except Exception:
        return pickle.dumps(RuntimeError("".join(traceback.format_exception(error))))
    return packed


def _train(chunk: Chunk) -> list[Trace]:
    if chunk.versions != find_versions():
        here = " with torch ".join(find_versions())
        raise UserError(
            f"the workers must have what is here, trainlab {' with torch '.join(chunk.versions)}; one has {here}", key="--executor"
        )
    from trainlab.engine import train_chunk

    torch.set_num_threads(chunk.threads)
    board = _board
    if board is None and multiprocessing.parent_process() is not None:
        follow_parent()

    def tick(update: int) -> bool:
        if board is None:
            return True
        board[chunk.seat] = update - 1
        return not board[0]

    return train_chunk(chunk.runs, [follow_recipe(each) for each in chunk.works], chunk.probes, tick)


@functools.cache
def follow_parent() -> None:
    """End this process soon after the one that started it has died: an executor's worker would wait for work for ever."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def sit_down(line: Connection, board: Any) -> None:
    """Begin as a worker: end as soon as the process that started it closes the line, or dies."""
    global _board  # noqa: PLW0603  # one worker, one process
    _board = board

    def wait_for_the_end() -> None:
        with contextlib.suppress(OSError, EOFError):
            line.recv_bytes()
        os._exit(1)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
