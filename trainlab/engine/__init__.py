"""Trains every run of a plan, stacked where it pays, one by one where it must."""

from __future__ import annotations

import functools
import itertools
import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

import torch
from torch import Tensor
from torch.func import vmap

from trainlab import data, plugins
from trainlab.device import choose_device
from trainlab.engine._alone import OneByOne
from trainlab.engine._batches import expand
from trainlab.engine._course import Course, Listen, Progress
from trainlab.engine._grouping import count_bytes, count_rows_at_rest, find_way, group
from trainlab.engine._looking import (
    drop_out,
    iterate_output_gradients,
    iterate_outputs,
    measure_samples,
    measure_steps,
    respond,
)
from trainlab.engine._loop import STEERS, plan_measures, train_stack
from trainlab.engine._memory import keep_freed_memory
from trainlab.engine._mlp import HandWritten
from trainlab.engine._programs import Program
from trainlab.engine._recorder import Recorder
from trainlab.engine._rows import Rows
from trainlab.engine._stack import Stack
from trainlab.engine._ways import find_room, forget_ways
from trainlab.engine._weights import Apart, Weights
from trainlab.engine._work import Work, find_batch_size, forget_works, prepare
from trainlab.engine._workers import Doing, Elsewhere, Shared, Shares, Workers
from trainlab.losses import find_loss, name_loss
from trainlab.plan import PlannedRun
from trainlab.report import Module, Number, Parameter, Trace
from trainlab.step import Batch, Evaluation, Objective, StoppedError

__all__ = [
    "ALWAYS",
    "Elsewhere",
    "Listen",
    "Progress",
    "Work",
    "Workers",
    "choose_device",
    "find_batch_size",
    "forecast_looks",
    "forget",
    "measure_cost",
    "prepare",
    "time_updates",
    "train",
    "train_chunk",
]

ALWAYS = ("loss",)  # measured whatever is asked for: the mean training loss of each epoch


def forget() -> None:
    """Let go of the data and networks that are kept for the next run of their kind."""
    forget_works()
    forget_ways()
    data.load.cache_clear()


TIMED, TIMED_SECONDS = 5, 0.1  # updates of a run that are timed at least, and for how long at least
PATIENCE_SECONDS = 1.0  # after the wish to stop, for what is quickly measured where the runs have come to
PIECE = 1024  # samples evaluated at a time: bounds memory, and no run's arithmetic depends on another's


def train(
    runs: Sequence[PlannedRun],
    works: Sequence[Work],
    probes: Sequence[str],
    listen: Listen = lambda _: True,
    workers: Workers | Elsewhere | None = None,
) -> list[Trace]:
    """Train all runs and measure them. Who trains a run, and beside which others, changes none of its bits.

    Args:
        runs: what to train.
        works: the same, prepared by `prepare`.
        probes: names of `trainlab.probes`, for all runs; each may have more of its own.
        listen: told of the progress before every update of a stack, and ten times a second while others train; when it answers
            False, training stops and what has been measured so far is returned (runs that had not begun are left out).
        workers: other processes, or an executor; without any, this process trains.

    Returns:
        One trace a run, in order.
    """
    course = Course(works, listen)

    def train_here(
        positions: list[int], others: Callable[[], Doing] = tuple, ask: Callable[[int], Shares] = lambda _: None
    ) -> Shared | None:
        """Train a chunk; what is shared out meanwhile, the chunk itself included if others are to do parts of it."""
        recorder, shared, whole = Recorder(), None, True

        def tick(update: int) -> bool:
            nonlocal shared, whole, others
            if not recorder.looking and isinstance(workers, Workers) and (shares := ask(update - 1)):
                whole = shares[0] == positions
                shared = workers.share(runs, works, probes, shares[whole:], course)
                others = shared.look
            return whole and course.look([(positions, update - 1), *others()], recorder)

        part = train_chunk(
            [runs[position] for position in positions], [works[position] for position in positions], probes, tick, recorder
        )
        if whole:
            course.note(positions, part)
        return shared

    chunks = deque(_cut(runs, works))
    if isinstance(workers, Elsewhere):
        workers.train(runs, works, probes, workers.cut(chunks), course)
        chunks.clear()
    while chunks and course.going:
        ask = workers.try_out(chunks, course) if isinstance(workers, Workers) else lambda _: None
        if shared := train_here(chunks[0], ask=ask):
            shared.finish(train_here)
            break
        chunks.popleft()
    return [course.traces[position] for position in sorted(course.traces)]


def _cut(runs: Sequence[PlannedRun], works: Sequence[Work]) -> list[list[int]]:
    """Stacks of runs that are measured alike, by position: those of the first run before all others."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for position, run in enumerate(runs):
        alike.setdefault(run.probes, []).append(position)
    return [
        [positions[place] for place in part]
        for positions in alike.values()
        for part in group([works[position] for position in positions])
    ]


def train_chunk(
    runs: Sequence[PlannedRun],
    works: Sequence[Work],
    probes: Sequence[str],
    tick: Callable[[int], bool],
    recorder: Recorder | None = None,
) -> list[Trace]:
    """Train runs that can be one stack.

    Args:
        runs: what to train; the probes of their own are the same.
        works: the same, prepared.
        probes: names of `trainlab.probes`, beside those.
        tick: called with the number of each update before it begins; False ends the training there.
        recorder: filled, for who wants to look while it is.

    Returns:
        One trace a run, in order.
    """
    keep_freed_memory()
    modules = {name: _load_probe(name) for name in dict.fromkeys([*probes, *runs[0].probes])}
    return _train_group(runs, works, modules, tick, recorder or Recorder())


def _load_probe(asked: str) -> ModuleType:
    """The probe of that name; of `name=0.1` one whose `evaluate` is told the number."""
    name, _, number = asked.partition("=")
    probe = plugins.load("trainlab.probes", name)
    if not number:
        return probe
    told = ModuleType(probe.__name__)
    setattr(told, "evaluate", functools.partial(probe.evaluate, number=float(number)))  # noqa: B010  # a module has no such attribute
    return told


def measure_cost(runs: Sequence[PlannedRun], works: Sequence[Work], updates: int = 5) -> tuple[float, int]:
    """What training would cost: seconds, extrapolated from a few updates of each stack, and bytes at the peak."""
    seconds = 0.0
    for positions in group(works):
        members = [works[position] for position in positions]
        times: list[float] = []

        def tick(update: int, times: list[float] = times) -> bool:
            times.append(time.perf_counter())
            return update <= updates

        began = time.perf_counter()
        train_chunk([runs[position] for position in positions], members, (), tick)
        # The first update warms up, and one may have been held up by others on the machine
        gaps = [after - before for before, after in itertools.pairwise(times)]
        each = statistics.median(gaps) if gaps else time.perf_counter() - began
        seconds += each * members[0].updates
    return seconds, max((count_bytes([works[position] for position in positions]) for positions in group(works)), default=0)


def forecast_looks(runs: Sequence[PlannedRun], works: Sequence[Work], probes: Sequence[str]) -> tuple[dict[str, float], int]:
    """What looking at the places that runs come to would cost: by probe seconds at most, and bytes at the peak.

    Told by the probes that have `forecast(evaluation)`, of the first run of each stack, where it begins.
    """
    seconds: dict[str, float] = {}
    peak = 0
    for positions in _cut(runs, works):
        names = dict.fromkeys(each.partition("=")[0] for each in (*probes, *runs[positions[0]].probes))
        modules = {name: plugins.load("trainlab.probes", name) for name in names}
        asked = {name: _ask_forecast(name, module) for name, module in modules.items() if hasattr(module, "forecast")}
        if not asked:
            continue
        recorder = Recorder()

        def tick(_update: int, recorder: Recorder = recorder) -> bool:
            return bool(recorder.looking)  # no update is made

        (trace,) = _train_group([runs[positions[0]]], [works[positions[0]]], asked, tick, recorder)
        for name in asked:
            seconds[name] = seconds.get(name, 0.0) + len(positions) * (trace.metrics.get(f"{name}_seconds") or 0.0)
            peak = max(peak, int(trace.metrics.get(f"{name}_bytes") or 0))
    return seconds, peak


def _ask_forecast(name: str, probe: ModuleType) -> ModuleType:
    """A probe that measures what `probe` would cost."""

    def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
        told = zip(("seconds", "bytes"), probe.forecast(evaluation), strict=True)
        return {f"{name}_{what}": torch.full((len(evaluation.flat),), float(value), dtype=torch.float64) for what, value in told}

    asking = ModuleType(probe.__name__)
    setattr(asking, "evaluate", evaluate)  # noqa: B010  # a module has no such attribute
    return asking


def time_updates(runs: Sequence[PlannedRun], works: Sequence[Work], rounds: int = 3) -> list[float]:
    """Seconds an update of each run takes, trained by itself: the least of a few rounds, in which they take turns."""
    least = [math.inf] * len(runs)
    for _ in range(rounds):
        for place, (run, work) in enumerate(zip(runs, works, strict=True)):
            times: list[float] = []

            def tick(update: int, times: list[float] = times) -> bool:
                times.append(time.perf_counter())
                return update <= TIMED or times[-1] - times[0] < TIMED_SECONDS

            train_chunk([run], [work], (), tick)
            between = sorted(after - before for before, after in itertools.pairwise(times))
            least[place] = min(least[place], between[len(between) // 2] if between else math.inf)
    return least


def _train_group(
    runs: Sequence[PlannedRun],
    works: Sequence[Work],
    probes: dict[str, ModuleType],
    tick: Callable[[int], bool],
    recorder: Recorder,
) -> list[Trace]:
    work = works[0]
    way = find_way(work)
    program = way.program
    if work.is_steered and STEERS not in probes:
        probes = {**probes, STEERS: plugins.load("trainlab.probes", STEERS)}
    find_due = plan_measures(probes, work.updates)
    stack = Stack(works, way.room, lambda update: bool(find_due(update)))
    parts = [len(part.inputs) for part in (work.train, work.validation, work.test) if part is not None]
    sizes = {size for part in parts for size in (min(part, PIECE), part % PIECE or PIECE)}
    room = find_room(work, program, sizes, way.room.least)

    late = math.inf

    def heed() -> None:
        nonlocal late
        if not tick(work.updates + 1):
            late = min(late, time.perf_counter() + PATIENCE_SECONDS)
            if time.perf_counter() > late:
                raise StoppedError

    def rest(weights: Weights, before: Tensor, members: Sequence[Work] = ()) -> Evaluation:
        rows = room.pad(list(range(len(before))))
        padded = weights if len(rows) == len(before) else weights.select([max(row, 0) for row in rows])
        return _evaluation(work, program, room, padded, before, members, heed)

    measured: dict[str, Tensor] = {}
    starting = [probe for probe in probes.values() if hasattr(probe, "evaluate_start")]
    if starting:
        weights = stack.weights.select(list(range(len(runs))))
        with torch.no_grad():
            for probe in starting:
                measured.update(probe.evaluate_start(rest(weights, weights.flat)))
    train_stack(stack, program, works, probes, find_due, recorder, rest, tick)
    series = recorder.collect(len(runs))
    ending = {name: probe for name, probe in probes.items() if hasattr(probe, "evaluate") or hasattr(probe, "condense")}
    if ending:
        evaluation = rest(_gather(stack.final), _gather(stack.last).flat, works)
        with torch.no_grad():
            for name, probe in ending.items():
                recorder.looking = name.partition("=")[0]
                if hasattr(probe, "evaluate"):
                    measured.update(probe.evaluate(evaluation))
                if hasattr(probe, "condense"):
                    arrays, ways = probe.condense(evaluation, [each.pop(name, None) for each in series])
                    measured.update(arrays)
                    series = [{**each, **way} for each, way in zip(series, ways, strict=True)]
    found = {name: values.cpu().double().numpy() for name, values in measured.items()}
    modules = tuple(Module(name=name, kind=kind) for name, kind in work.kinds.items())
    owners = dict(work.model.named_modules())
    parameters = tuple(
        Parameter(name=name, module=type(owners[name.rpartition(".")[0]]).__name__, shape=tuple(shape))
        for name, shape in zip(work.layout.names, work.layout.shapes, strict=True)
    )
    return [
        Trace(
            name=run.name,
            patch=run.patch,
            config=run.config,
            seed=run.config.seed,
            parameters=parameters,
            modules=modules,
            series=series[row],
            arrays={name: values[row] for name, values in found.items() if values.ndim > 1},
            metrics={name: _number(values[row]) for name, values in found.items() if values.ndim == 1},
            updates=stack.updates[row],
            planned=work.updates,
            nonfinite=stack.fatal[row],
            scaling=stack.scalings[row],
            best_epoch=stack.best_epochs[row],
            stopped=stack.stopped[row],
            sizes={
                "train": work.samples,
                **{name: len(part.inputs) for name, part in (("validation", work.validation), ("test", work.test)) if part},
            },
            task=work.task,
            how=program.how,
        )
        for row, run in enumerate(runs)
    ]


def _number(value: float) -> Number:
    return None if math.isnan(value) else float(value)  # NaN is "nothing to measure"


def _gather(ended: Sequence[Weights | Apart | None]) -> Weights:
    """Rows of ended runs as one stack again."""
    weights = [each.join() for each in ended if each is not None]
    if len(weights) == 1:
        return weights[0]
    return Weights(
        flat=torch.cat([each.flat for each in weights]),
        fixed={name: torch.cat([each.fixed[name] for each in weights]) for name in weights[0].fixed},
        random=tuple(state for each in weights for state in each.random),
    )


def _evaluation(
    work: Work,
    program: Program,
    room: Rows,
    weights: Weights,
    before: Tensor,
    members: Sequence[Work],
    heed: Callable[[], None],
) -> Evaluation:
    """What probes see of the rows that `before` has; the others are padding, and stay out of sight.

    The runs themselves, `members`, are asked for where dropout is to drop; without them it cannot. `heed`: see `LossSurface`.
    """
    rows, runs = len(weights.flat), len(before)

    def compute(batch: Batch, at: Weights) -> Tensor:
        pieces = torch.split(batch.inputs, PIECE)
        parts = [at.part(each) for each in room.split(rows, count_rows_at_rest(work, len(pieces[0])))]

        def compute_piece(inputs: Tensor) -> Tensor:
            piece = Batch(inputs=inputs, target=None)
            return torch.cat([program.predict(part, expand(piece, len(part.flat)).inputs) for part in parts])

        return torch.cat([compute_piece(each) for each in pieces], dim=1)

    def predict(batch: Batch, *, stochastic: int | None = None) -> Tensor:
        if stochastic is None:
            return compute(batch, weights)[:runs]
        networks, seeds = [each.model for each in members], [each.config.seed for each in members]
        return drop_out(networks, work.layout, weights, batch, seeds, stochastic, work.config.train.precision)

    def loss_at(flat: Tensor, batch: Batch) -> Tensor:
        filled = torch.cat([flat, flat[:1].expand(rows - runs, -1)])
        output = compute(batch, Weights(flat=filled, fixed=weights.fixed, random=weights.random))
        loss, target = find_loss(work.loss), expand(batch, rows).target
        if isinstance(program, OneByOne):
            return torch.stack([loss(each, batch.target) for each in output])
        if isinstance(program, HandWritten):  # vmap loads a good part of torch
            return program.loss(output, target)[:runs]
        return vmap(loss, in_dims=(0, None if target is None else 0))(output, target)[:runs]

    def outputs(batch: Batch) -> Iterator[dict[str, Tensor]]:
        held = Weights(flat=before, fixed=weights.fixed, random=weights.random)
        return iterate_outputs(work.model, work.layout, held, batch, work.config.train.precision)

    def output_gradients(batch: Batch) -> Iterator[dict[str, Tensor]]:
        held = Weights(flat=before, fixed=weights.fixed, random=weights.random)
        return iterate_output_gradients(work.model, work.layout, work.loss, held, batch)

    def sample_norms(batch: Batch) -> Tensor:
        return torch.stack(
            [measure_samples(work.model, work.layout, work.loss, weights.select([row]), batch) for row in range(runs)]
        )

    objectives: dict[int, Objective] = {}

    def find_objective(run: int) -> Objective:
        from trainlab.engine._objective import LossSurface

        if run not in objectives:
            objectives[run] = LossSurface(members[run] if members else work, weights.select([run]), heed)
        return objectives[run]

    def step_norms(batch: Batch) -> Tensor | None:
        held = Weights(flat=before, fixed=weights.fixed, random=weights.random)
        return measure_steps(work.model, work.layout, work.loss, held, batch, work.config.train.precision)

    return Evaluation(
        flat=weights.flat[:runs],
        train=work.train,
        validation=work.validation,
        test=work.test,
        loss_at=loss_at,
        predict=predict,
        outputs=outputs,
        output_gradients=output_gradients,
        sample_norms=sample_norms,
        step_norms=step_norms,
        task=work.task,
        loss=name_loss(work.loss),
        judge=find_loss(work.loss),
        kinds=work.kinds,
        respond=lambda batch: respond(work.model, work.layout, weights, batch, runs, work.config.train.precision),
        batch_size=work.batch_size,
        layout=work.layout,
        objective=find_objective,
        pool=work.pool,
    )
