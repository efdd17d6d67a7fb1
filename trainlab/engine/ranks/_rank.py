"""One rank: a process that is started, meets the others, and ends as soon as the one that started it does."""

from __future__ import annotations

import contextlib
import copy
import datetime
import os
import pickle
import shutil
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.distributed as dist

from trainlab.engine._work import Recipe, Work, follow_recipe
from trainlab.engine.ranks._comparing import Found
from trainlab.engine.ranks._copy import Copy
from trainlab.engine.ranks._measuring import Ring, compare, measure_times
from trainlab.engine.ranks._meeting import Stage, note, sit_down, wait_for_all
from trainlab.errors import UserError
from trainlab.step import Batch
from trainlab.targets import OURS

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LATER_SECONDS = 30.0
"""How much longer than the one that started them the ranks wait for each other: it knows better which of them is to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One run for the ranks.

    Attributes:
        works: the run in its own number format, and in float64 where that is another.
        starts: for each rank the same with weights of its own, where they do not start alike.
    """

    works: tuple[Work | Recipe, ...]
    starts: tuple[tuple[Work | Recipe, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every rank gets.

    Attributes:
        tasks: the runs.
        sizes: how many ranks compute each.
        steps: updates of each.
        timed: measure times too.
        backend: of torch.distributed.
        meet: where the ranks find each other, see `torch.distributed.init_process_group`.
        world: how many ranks there are, on all hosts.
        first: number of the first on this host.
        telling: every rank learns what the first has found, and tells it: each was started by a process of its own.
        timeout: seconds after which a rank that waits gives up.
        threads: of torch.
    """

    tasks: tuple[Task, ...]
    sizes: tuple[int, ...]
    steps: int
    timed: bool
    backend: Literal["gloo", "nccl"]
    meet: str
    world: int
    first: int
    telling: bool
    timeout: float
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was found of a run.

    Attributes:
        found: by number format, see `compare`.
        draws: a pass may draw random numbers.
        times: see `measure_times`; empty if they were not asked for.
    """

    found: dict[str, Found]
    draws: bool
    times: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A rank that could not go on.

    Attributes:
        text: why, in one line.
        waiting: it was with the others, so that one of them may be the reason.
        error: what is wrong with the config, if that is it.
        details: the traceback.
        is_ours: it was raised by this program itself, and so is a bug of ours.
    """

    text: str
    waiting: bool
    error: UserError | None
    details: str
    is_ours: bool


def serve(seat: int, place: str, board: Any, line: Connection, results: Connection) -> None:
    """Be a rank until the work is done: what the process is started with.

    Args:
        seat: which of the ranks of this host.
        place: the file of the pickled Job.
        board: see `trainlab.engine.ranks._meeting`.
        line: closed when this process is to end.
        results: what was found goes there, as `(position, Measured)`, or a Failed.
    """
    sit_down(board, seat)
    threading.Thread(target=_wait_for_the_end, args=(line, Path(place).parent), daemon=True).start()
    os.dup2(2, 1)  # what the user's code prints is no part of the report
    try:
        job: Job = pickle.loads(Path(place).read_bytes())
        _work(job, seat, results)
    except Exception as error:
        text = ": ".join(filter(None, [type(error).__name__, str(error).strip().partition("\n")[0]]))
        waiting = board[3 * seat + 1] == Stage.WAITING
        known = error if isinstance(error, UserError) else None
        with contextlib.suppress(OSError):
            ours = traceback.extract_tb(error.__traceback__)[-1].filename.startswith(str(OURS)) and not waiting
            results.send(Failed(text=text, waiting=waiting, error=known, details=traceback.format_exc(), is_ours=ours))
        results.close()
        os._exit(1)
    results.close()
    os._exit(0)  # to take torch apart takes longer than some runs


def _wait_for_the_end(line: Connection, folder: Path) -> None:
    with contextlib.suppress(OSError, EOFError):
        line.recv_bytes()
    shutil.rmtree(folder, ignore_errors=True)  # who made it may have been killed
    os._exit(1)


def _work(job: Job, seat: int, results: Connection) -> None:
    rank = job.first + seat
    torch.set_num_threads(job.threads)
    device = torch.device("cpu")
    if job.backend == "nccl":
        device = torch.device("cuda", seat if job.meet != "env://" else int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    tasks = [_prepare(task, rank, device) if rank < size else None for task, size in zip(job.tasks, job.sizes, strict=True)]
    limit = datetime.timedelta(seconds=job.timeout + LATER_SECONDS)
    dist.init_process_group(job.backend, init_method=job.meet, rank=rank, world_size=job.world, timeout=limit)
    rings = {size: _form_ring(rank, size) for size in dict.fromkeys(job.sizes)}
    everyone = dist.new_group(backend="gloo") if job.telling else None
    for position, (task, size) in enumerate(zip(tasks, job.sizes, strict=True)):
        note(Stage.COMPUTING, 0)
        measured = _measure(job, task, rings[size]) if task is not None else None
        if job.telling:
            shared = [measured]
            note(Stage.WAITING)
            dist.broadcast_object_list(shared, 0, group=everyone)
            measured = shared[0]
        if measured is not None and (rank == 0 or job.telling):
            results.send((position, measured))
    wait_for_all(_world())
    note(Stage.DONE)


def _world() -> dist.ProcessGroup:
    world = dist.group.WORLD
    assert world is not None
    return world


def _form_ring(rank: int, size: int) -> Ring:
    """The first so many ranks; every rank makes every group."""
    groups = [dist.new_group(list(range(size))) for _ in range(2)]
    return Ring(rank=rank, size=size, gradients=groups[0], statistics=groups[1])


Ready = list[tuple[Work, Work | None]]
"""A run in each number format, and with the weights that this rank begins with where those are its own."""


def _prepare(task: Task, rank: int, device: torch.device) -> Ready:
    """What this rank needs of a run, before it meets the others: the user's own code is imported and tried, as by one process."""
    starts = task.starts[rank] if task.starts else (None,) * len(task.works)
    return [
        (put(work, device), None if start is None else put(start, device)) for work, start in zip(task.works, starts, strict=True)
    ]


def _measure(job: Job, ready: Ready, ring: Ring) -> Measured:
    found: dict[str, Found] = {}
    for work, start in ready:
        found[work.config.train.precision] = compare(work, ring, start, job.steps)
    own = ready[0][0]
    draws = Copy(own, 0, epochs_of=1).draws
    return Measured(found=found, draws=draws, times=measure_times(own, ring) if job.timed else {})


def put(sent: Work | Recipe, device: torch.device) -> Work:
    """A run on a device, without the parts that are not trained on."""
    if isinstance(sent, Recipe):
        work = follow_recipe(replace(sent, device=str(device)))
    else:
        train = sent.train
        moved = Batch(inputs=train.inputs.to(device), target=None if train.target is None else train.target.to(device))
        work = replace(sent, model=copy.deepcopy(sent.model).to(device), train=moved)
    return replace(work, validation=None, test=None, pool=None)


def list_stages(board: Sequence[int], seats: int) -> list[Stage]:
    """What each rank of this host is at."""
    return [Stage(board[3 * seat + 1]) for seat in range(seats)]
