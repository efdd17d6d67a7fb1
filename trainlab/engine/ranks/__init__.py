"""Several processes compute the updates of a run together, and are compared with one: starts them, watches them, ends them."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from trainlab.device import choose_device, derive_seed
from trainlab.engine._course import Course, Listen
from trainlab.engine._work import Recipe, Work, prepare, write_recipe
from trainlab.engine.ranks._measuring import list_rounds
from trainlab.engine.ranks._norms import find_norms
from trainlab.engine.ranks._rank import Job, Measured, Task
from trainlab.engine.ranks._starting import find_seats, start
from trainlab.errors import UserError
from trainlab.plan import PlannedRun, Ranks
from trainlab.report import Parameter, Series, Trace

__all__ = ["choose_rank_device", "train_on_ranks"]

CPU = torch.device("cpu")


def choose_rank_device(name: str, ranks: int) -> torch.device:
    """Where ranks compute: `auto` is a GPU each where there are so many, else the CPU.

    Raises:
        UserError: no such device here, or too few of them.
    """
    device = choose_device(name)
    here = int(os.environ.get("LOCAL_WORLD_SIZE", ranks))
    if device.type == "cuda" and torch.cuda.device_count() >= here:
        return torch.device("cuda")
    if name == "auto" or device.type == "cpu":
        return CPU
    have = f"{torch.cuda.device_count()} here" if device.type == "cuda" else "only the CPU and CUDA can average gradients"
    raise UserError(f"{here} ranks need a GPU each: {have}; use cpu", key="--device", value=name)


def train_on_ranks(
    runs: Sequence[PlannedRun],
    works: Sequence[Work],
    ranks: Ranks,
    device: torch.device,
    threads: int,
    listen: Listen = lambda _: True,
) -> list[Trace]:
    """Compute the first updates of each run on its ranks, and by one process, in the run's number format and in float64.

    Args:
        runs: what to compute.
        works: the same, prepared.
        ranks: how many updates, and how long to wait.
        device: see `choose_rank_device`.
        threads: of torch, in each rank.
        listen: told of the progress; answers False to stop, and what has been measured so far is returned.

    Returns:
        One trace a run, in order.

    Raises:
        UserError: a rank has died, hangs, or cannot compute its share.
    """
    for work in works:
        _check(work)
    sizes = tuple(run.config.distributed.ranks for run in runs)
    course = Course(works, listen)
    with tempfile.TemporaryDirectory(prefix="trainlab-ranks-") as folder:
        seats = find_seats(max(sizes), folder, os.environ)
        job = Job(
            tasks=tuple(_write_task(work) for work in works),
            sizes=sizes,
            steps=ranks.steps,
            timed=ranks.timed,
            backend="nccl" if device.type == "cuda" else "gloo",
            meet=seats.meet,
            world=seats.world,
            first=seats.first,
            telling=seats.telling,
            timeout=ranks.timeout,
            threads=threads,
        )
        place = Path(folder) / "job"
        place.write_bytes(pickle.dumps(job))
        with start(place, seats) as started:
            for position, measured in started.watch(course, [run.name for run in runs], ranks.timeout):
                how = f"by {sizes[position]} ranks over {job.backend}"
                course.note([position], [_trace(runs[position], works[position], measured, how)])
    return [course.traces[position] for position in sorted(course.traces)]


def _check(work: Work) -> None:
    """Refuse what ranks cannot do.

    Raises:
        UserError: says what.
    """
    config = work.config
    if config.train.precision == "fp16":
        raise UserError("must not be fp16, whose loss scale the ranks would have to share", key="train.precision", value="fp16")
    if config.regularize.adversarial:
        raise UserError("is not for several ranks", key="regularize.adversarial", value=str(config.regularize.adversarial))
    if config.distributed.delay and config.distributed.through == "ddp":
        message = "must be all_reduce where gradients are late: DistributedDataParallel waits for them"
        raise UserError(message, key="distributed.through", value="ddp")
    list_rounds(work)


def _write_task(work: Work) -> Task:
    """The run as it travels, with its twin in float64; a rank that starts with weights of its own has those of another seed."""
    config = work.config
    twins = [config]
    if config.train.precision != "float64":
        twins.append(replace(config, train=replace(config.train, precision="float64")))
    others = () if config.distributed.same_start else range(1, config.distributed.ranks)
    seeds = [derive_seed(config.seed, f"start {rank}") for rank in others]
    if seeds:
        seeds.insert(0, config.seed)
    return Task(
        works=tuple(_send(prepare(each, CPU)) for each in twins),
        starts=tuple(tuple(_send(prepare(replace(each, seed=seed), CPU)) for each in twins) for seed in seeds),
    )


def _send(work: Work) -> Work | Recipe:
    sent = write_recipe(work)
    return sent if isinstance(sent, Recipe) else replace(sent, validation=None, test=None, pool=None)


def _trace(run: PlannedRun, work: Work, measured: Measured, how: str) -> Trace:
    own = measured.found[work.config.train.precision]
    double = measured.found["float64"]
    series = {}
    norms = [] if run.config.distributed.sync_batch_norm else list(find_norms(work.model))
    arrays = {"norm-spread": double["norm-spread"], "norms": np.array(norms, dtype=str)}
    for suffix, found in (("", own), ("-float64", double)):
        for name, values in found.items():
            if name not in ("at", "norm-spread"):
                series[f"{name}{suffix}"] = Series(per="update", at=found["at"], values=values)
    owners = dict(work.model.named_modules())
    rounds = list_rounds(work)
    return Trace(
        name=run.name,
        patch=run.patch,
        config=run.config,
        seed=run.config.seed,
        parameters=tuple(
            Parameter(name=name, module=type(owners[name.rpartition(".")[0]]).__name__, shape=tuple(shape))
            for name, shape in zip(work.layout.names, work.layout.shapes, strict=True)
        ),
        series=series,
        arrays=arrays,
        metrics={
            "ranks": run.config.distributed.ranks,
            "effective_batch": sum(rounds[0].sizes),
            "updates_per_epoch": len(rounds),
            "samples_per_rank": max(sum(each.sizes[rank] for each in rounds) for rank in range(len(rounds[0].sizes))),
            "batch_norms": len(find_norms(work.model)),
            "draws": int(measured.draws),
            **measured.times,
        },
        updates=len(own["at"]),
        planned=len(own["at"]),
        sizes={"train": work.samples},
        task=work.task,
        how=how,
    )
