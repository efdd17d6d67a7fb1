"""Runs a study: plan, train, judge, conclude, and put it all into a Report."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from types import ModuleType

import torch

from trainlab import causes, engine, plugins
from trainlab.averaging import average
from trainlab.config import Config
from trainlab.describing import describe, list_notes
from trainlab.device import count_cores
from trainlab.engine import Elsewhere, Progress, Work, Workers
from trainlab.errors import UserError
from trainlab.judging import choose_exit_code, choose_rules, judge
from trainlab.plan import Conclusion, Group, Options, Plan, PlannedRun
from trainlab.report import Answer, Finding, Report, Skipped, Table, Trace
from trainlab.rules._rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a study is carried out, whatever it asks.

    Attributes:
        device: see `trainlab.device.choose_device`.
        threads: of torch, within one operation.
        processes: that may train, this one included; None for as many as the cores have room for. Others are started only where
            they pay.
        select: prefixes of rule codes that are reported; all of the study's if empty.
        ignore: prefixes of rule codes that are not.
        fail_on: least severity that makes the exit code 1, or `never`.
        baseline: `(code, run, where, severity)` of findings that are known and do not count.
        trainings: how many trainings of the base it may cost; None for any number.
        seconds: how long it may take; None for as long as it takes.
    """

    device: str = "auto"
    threads: int = 1
    processes: int | None = 1
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str = "never"
    baseline: frozenset[tuple[str, str, str, str]] = field(default_factory=frozenset)
    trainings: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a plan would cost. Updates are counted over all runs; time is measured on a few updates of each stack.

    Attributes:
        looks: seconds at most, by probe, of measuring what the runs have come to; of the probes that this takes long.
        is_least: the study goes on from what these runs show; how far cannot be known.
        most: trainings of the config that it stops at; None where nothing but its own plan bounds it.
    """

    runs: int
    updates: int
    bytes: int
    seconds: float
    skipped: tuple[Skipped, ...]
    looks: Mapping[str, float] = field(default_factory=dict)
    is_least: bool = False
    most: float | None = None


def run(
    command: str,
    config: Config,
    options: Options,
    settings: Settings,
    listen: Callable[[Progress], bool] = lambda _: True,
    executor: Executor | None = None,
) -> Report:
    """Carry out the study `command`.

    Args:
        command: name of a module in `trainlab.studies`.
        config: the base.
        options: arms, seeds and the study's own options.
        settings: device, threads, which rules, what counts.
        listen: told of the progress; answers False to stop, and the report says what was measured until then.
        executor: trains all of it, in chunks; it is left open. None: this process does, and others of this machine.

    Raises:
        UserError: the base cannot run; an arm that cannot is skipped with its reason. Or the executor fails.
    """
    if executor is not None:
        return _run(command, config, options, settings, listen, Elsewhere(executor, settings.threads))
    processes = max(1, count_cores() // settings.threads) if settings.processes is None else settings.processes
    with Workers(processes, settings.threads) as workers:
        return _run(command, config, options, settings, listen, workers)


def _run(
    command: str, config: Config, options: Options, settings: Settings, listen: engine.Listen, workers: Workers | Elsewhere
) -> Report:
    began = time.perf_counter()
    study = plugins.load("trainlab.studies", command)
    torch.set_num_threads(settings.threads)
    plan = study.first(config, options)
    device = _choose_device(settings.device, plan)
    rules, reported, skipped = choose_rules(plan.rules, config.rules, select=settings.select, ignore=settings.ignore)
    options = replace(options, reported=reported)
    probes = _list_probes(rules)
    begun: list[PlannedRun] = []
    judging: set[str] = set()  # names of the runs that the rules judge
    traces: list[Trace] = []
    groups: list[Group] = []
    stopped = False

    def heed(progress: Progress) -> bool:
        nonlocal stopped
        late = settings.seconds is not None and time.perf_counter() - began > settings.seconds
        stopped = stopped or late or not listen(progress)
        return not stopped

    def find(measured: Sequence[Trace]) -> Sequence[Finding]:
        return _mark(judge(rules, [trace for trace in measured if trace.name in judging], reported)[0], settings.baseline)

    then = getattr(study, "then", None)
    cost, unit = 0.0, 0
    while plan is not None and not stopped:
        runs, works, left_out = prepare(plan.runs, device, must=not traces)
        skipped += left_out
        unit = unit or (max(works[0].updates, 1) if works else 0)
        runs, works, cost, left_out = _afford(runs, works, cost, settings.trainings, unit)
        skipped += left_out
        if not runs:
            break  # nothing is left that could tell the study more
        begun += runs
        groups += plan.groups
        judging |= {each.name for each in runs if each.judged}
        try:
            traces += _measure(plan, runs, works, probes, settings, device, heed, workers)
        except (MemoryError, RuntimeError) as error:
            raise _explain_memory(error) from error
        plan = None if stopped or then is None else then(config, options, traces, find)
    trained = time.perf_counter()
    measured = [trace for trace in traces if trace.updates or not trace.planned]
    idle = Counter(run.name for run in begun) - Counter(trace.name for trace in measured)
    skipped += [Skipped(code="run", run=name, reason=f"stopped before its first update{_say_times(idle[name])}") for name in idle]
    found, unjudged, judged = judge(rules, [trace for trace in measured if trace.name in judging], reported)
    nothing = Conclusion(answer=Answer(text="Nothing was measured: the study was stopped before its first update."))
    everything = [*measured, *average(groups, measured)]
    marked = _mark(found, settings.baseline)
    conclusion = study.conclude(config, options, everything, marked, unjudged) if measured else nothing
    skipped += [each for each in unjudged if each.code in reported and (conclusion.about is None or each.run in conclusion.about)]
    kept = tuple(causes.keep([each for each in conclusion.findings if each.code in reported]))
    return Report(
        command=command,
        complete=not stopped,
        environment={
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": str(device),
            "threads": settings.threads,
            "seed": config.seed,
        },
        answer=conclusion.answer,
        runs=tuple(map(describe, everything)),
        tables=(*conclusion.tables, *_time(study, begun if options.chosen.get("time") else [], device, everything)),
        comparisons=conclusion.comparisons,
        findings=kept,
        skipped=tuple(skipped),
        notes=list_notes(measured),
        rules={rule.code: rule.name for rule in rules if rule.code in reported},
        fail_on=settings.fail_on,
        exit_code=choose_exit_code(kept, judged, settings.fail_on),
        seconds={"train_s": trained - began, "judge_s": time.perf_counter() - trained},
    )


def _list_probes(rules: Sequence[Rule]) -> list[str]:
    """What the rules need that is not measured anyway."""
    return [name for rule in rules for name in rule.needs if name not in engine.ALWAYS]


def _measure(
    plan: Plan,
    runs: Sequence[PlannedRun],
    works: Sequence[Work],
    probes: Sequence[str],
    settings: Settings,
    device: torch.device,
    listen: engine.Listen,
    workers: Workers | Elsewhere,
) -> list[Trace]:
    """Traces of runs of a plan, first of those that are judged; `probes` are those that the rules need, of these."""
    if plan.ranks is not None:
        from trainlab.engine.ranks import train_on_ranks

        return train_on_ranks(runs, works, plan.ranks, device, settings.threads, listen)
    order = sorted(range(len(runs)), key=lambda place: not runs[place].judged)
    asked = [replace(runs[place], probes=tuple(probes)) if runs[place].judged else runs[place] for place in order]
    return engine.train(asked, [works[place] for place in order], plan.probes, listen, workers)


def _choose_device(name: str, plan: Plan) -> torch.device:
    if plan.ranks is None:
        return engine.choose_device(name)
    from trainlab.engine.ranks import choose_rank_device

    return choose_rank_device(name, max(run.config.distributed.ranks for run in plan.runs))


def _mark(findings: Sequence[Finding], known: Collection[tuple[str, str, str, str]]) -> list[Finding]:
    """The same, with those marked that the baseline has."""
    return [replace(each, known=(each.code, each.run, each.where, each.severity) in known) for each in findings]


def _time(study: ModuleType, runs: Sequence[PlannedRun], device: torch.device, traces: Sequence[Trace]) -> tuple[Table, ...]:
    """What the study makes of the seconds that an update takes, of the first run of each name."""
    firsts = list({run.name: run for run in reversed(runs)}.values())[::-1]
    if not firsts:
        return ()
    seconds = engine.time_updates(firsts, [_prepare(run, device) for run in firsts])
    timed: Table = study.tabulate_times(traces, dict(zip([run.name for run in firsts], seconds, strict=True)))
    return (timed,)


def _say_times(seeds: int) -> str:
    return "" if seeds == 1 else f" ({seeds} seeds)"


def prepare(
    runs: Sequence[PlannedRun], device: torch.device, *, must: bool = True
) -> tuple[list[PlannedRun], list[Work], list[Skipped]]:
    """Prepare every run; those that cannot be are skipped with the reason.

    Raises:
        UserError: the first run cannot be, and `must`.
    """
    kept, works, skipped = [], [], {}
    for each in runs:
        try:
            works.append(_prepare(each, device))
            kept.append(each)
        except UserError as error:
            if must and each.name == runs[0].name:
                raise
            reason = "; ".join(problem.message for problem in error.problems)
            skipped[each.name] = Skipped(code="run", run=each.name, reason=reason)
    return kept, works, list(skipped.values())


def _prepare(run: PlannedRun, device: torch.device) -> Work:
    try:
        return engine.prepare(run.config, device)
    except (MemoryError, RuntimeError) as error:
        raise _explain_memory(error) from error


def _explain_memory(error: Exception) -> Exception:
    """What the user is told when memory runs out; any other error as it is."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
        return UserError("network and data do not fit into memory", key="model")
    return error


def _afford(
    runs: list[PlannedRun], works: list[Work], cost: float, limit: float | None, unit: int
) -> tuple[list[PlannedRun], list[Work], float, list[Skipped]]:
    """The runs that fit the budget: every arm with its first seed, then with its second, and so on.

    A training of the base costs 1: that is `unit` updates. The first run of all is always made.
    """
    if limit is None or not works:
        return runs, works, cost, []
    planned = Counter(run.name for run in runs)
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int]] = []  # how many seeds of its arm come before a run, and the run
    for position, run in enumerate(runs):
        turns.append((seen[run.name], position))
        seen[run.name] += 1
    kept: list[int] = []
    for _, position in sorted(turns):
        if cost + works[position].updates / unit > limit and (kept or cost):
            continue
        cost += works[position].updates / unit
        kept.append(position)
    kept.sort()
    made = Counter(runs[position].name for position in kept)
    trainings = "1 training" if limit == 1 else f"{limit:g} trainings"
    skipped = [
        Skipped(
            code="run",
            run=name,
            reason=(f"{count - made[name]} of {count} seeds are " if made[name] else "") + f"beyond the budget of {trainings}",
        )
        for name, count in planned.items()
        if made[name] < count
    ]
    return [runs[position] for position in kept], [works[position] for position in kept], cost, skipped


def estimate(command: str, config: Config, options: Options, settings: Settings) -> Estimate:
    """What the study's first plan would cost, measured on a few updates of each stack. Trains nothing to its end.

    Raises:
        UserError: the base cannot run, or a rule is not known.
    """
    study = plugins.load("trainlab.studies", command)
    torch.set_num_threads(settings.threads)
    plan = study.first(config, options)
    device = _choose_device(settings.device, plan)
    rules, _, _ = choose_rules(plan.rules, config.rules, select=settings.select, ignore=settings.ignore)
    runs, works, skipped = prepare(plan.runs, device)
    runs, works, _, left_out = _afford(runs, works, 0.0, settings.trainings, max(works[0].updates, 1))
    seconds, peak = engine.measure_cost(runs, works)
    looks, beside = engine.forecast_looks(runs, works, [*plan.probes, *_list_probes(rules)]) if plan.ranks is None else ({}, 0)
    return Estimate(
        runs=len(works),
        updates=sum(work.updates for work in works),
        bytes=max(peak, beside),
        seconds=seconds,
        looks=looks,
        skipped=(*skipped, *left_out),
        is_least=hasattr(study, "then") and getattr(study, "goes_on", lambda _: True)(options),
        most=options.budget,
    )
