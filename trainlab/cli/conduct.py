"""From options to a report on stdout: what every study's command does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainlab import targets
from trainlab.causes import FAIL_ON, SEVERITIES
from trainlab.cli import streams
from trainlab.cli.adopting import Change, follow_loader, leave_out
from trainlab.cli.exits import ExitCode
from trainlab.cli.options import Chosen, Shared
from trainlab.cli.reporting import check_beside, read_report, write_beside, write_report
from trainlab.cli.values import MOST, parse_count, parse_percent
from trainlab.config import Config, apply_patch, find_config, load, name_patch, parse_patch, parse_value, refuse_seed, validate
from trainlab.errors import Problem, UserError, check_choice, collect, find_source
from trainlab.plan import Arm, Options

if TYPE_CHECKING:
    from trainlab.cli.progress import Watcher
    from trainlab.report import Report
    from trainlab.study import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What was reported earlier.

    Attributes:
        report: the JSON report, if there is one and it has runs.
        known: `(code, run, where, severity)` of its findings, and of the same as something milder.
        tolerance: share of a metric's old size by which it may be worse.
    """

    report: Mapping[str, Any] | None = None
    known: frozenset[tuple[str, str, str, str]] = frozenset()
    tolerance: float = 0.0

    def judge(self, report: Report) -> Report:
        """The report of now, with what is worse."""
        if self.report is None:
            return report
        from trainlab.diffing import judge_against

        return judge_against(report, self.report, self.tolerance)


def conduct(command: str, chosen: Chosen, shared: Shared) -> int:
    """Carry out a study and write its report.

    Returns:
        The exit code.

    Raises:
        UserError: with everything that is wrong with what the user gave.
    """
    problems: list[Problem] = []
    with collect(problems):
        destinations = plan_output(command, shared)
    if chosen.get("write") is not None:
        from trainlab.cli.mending import check_mending

        with collect(problems):
            check_mending(chosen, [*(each.path for each in destinations), *([shared.plot] if shared.plot else [])])
    if chosen.get("vary") and shared.vs:
        problems.append(Problem(message="makes its own list of runs: leave out --vs", key="--vary"))
    changes = read_changes(shared, problems)
    with collect(problems):
        source = find_base(command, shared.config)
        targets.set_home(source.parent)
        config, sources, warnings = load_config(source, changes, own=shared.config is None)
        arms, more = make_arms(config, sources, shared.vs)
        options = Options(
            arms=tuple(arms),
            seeds=make_seeds(config, shared),
            seeds_given=shared.seeds is not None,
            chosen={name: value for name, value in chosen.items() if value is not None},
        )
    with collect(problems):
        settings, baseline = check_settings(shared)
    if problems:
        raise UserError(problems)
    options = replace(options, budget=settings["trainings"])
    warn([*warnings, *more], shared)

    from trainlab.cli.startup import import_torch

    import_torch()
    from trainlab import study
    from trainlab.cli.executors import open_executor
    from trainlab.cli.progress import watch

    try:
        if shared.config is None:
            config, options = follow_loader(config, options, changes)
        if shared.dry_run:
            write_cost(study.estimate(command, config, options, study.Settings(**settings)), destinations)
            return ExitCode.CLEAN
        with contextlib.ExitStack() as stack:
            executor = stack.enter_context(open_executor(shared.executor)) if shared.executor is not None else None
            watcher = stack.enter_context(watch(quiet=shared.quiet))
            report = study.run(command, config, options, study.Settings(**settings), watcher, executor)
            report = baseline.judge(report)
            if "write" in options.chosen:
                from trainlab.cli.mending import write_mended

                def check(mended: Config, again: Options) -> Report:
                    return study.run(command, mended, again, study.Settings(**settings), watcher, executor)

                report = write_mended(report, source, config, options, check)
    except UserError as error:
        raise locate(error, {**sources, **{name: f"--{name}" for name in options.chosen}}) from error
    report = replace(report, exit_code=_choose_exit_code(report, watcher))
    if command == "distributed" and os.environ.get("RANK", "0") != "0":
        return report.exit_code  # torchrun has started one that reports for all
    write_report(report, destinations, sys.argv[1:], verbose=shared.verbose, full_series=shared.full_series)
    write_beside(report, shared.plot, shared.tensorboard)
    return report.exit_code


def locate(error: UserError, sources: Mapping[str, str]) -> UserError:
    """Each problem with the place that its key was set at; an option is its own place."""
    found = dict(sources)
    return UserError(
        [
            each if each.source or each.key.startswith("--") else replace(each, source=find_source(each.key, found))
            for each in error.problems
        ]
    )


def _choose_exit_code(report: Report, watcher: Watcher) -> int:
    if watcher.signal is None:
        return report.exit_code
    return ExitCode.INTERRUPTED if watcher.signal == signal.SIGINT else ExitCode.TERMINATED


def plan_output(command: str, shared: Shared) -> list[streams.Destination]:
    """Where the documents go, all of them places that can be written."""
    problems: list[Problem] = []
    destinations: list[streams.Destination] = []
    with collect(problems):
        destinations = streams.parse_destinations(list(shared.format), shared.output)
    with collect(problems):
        check_beside(command, shared.plot, shared.tensorboard)
    with collect(problems):
        streams.check_places([*(each.path for each in destinations), *([shared.plot] if shared.plot else [])])
    if problems:
        raise UserError(problems)
    return destinations


def find_base(command: str, given: str | None) -> Path:
    """The config file: the one given, or the command's own."""
    if given and "=" in given and not Path(given).exists():
        raise UserError("is no file; a change is given with --set", key="CONFIG", value=given)
    # `configs/` finds the config that comes with the program even where the user has a file named like the command.
    return find_config(given or f"configs/{command}")


def read_changes(shared: Shared, problems: list[Problem]) -> list[Change]:
    """What the short options, `--set` and `--seed` change, in this order; what cannot be read goes to `problems`."""
    changes: list[Change] = []
    for option, key, text in shared.patches:
        with collect(problems):
            changes.append((option, key, parse_value(text, option)))
    changes += read_sets(shared.set, problems)
    if shared.seed is not None:
        with collect(problems):
            changes.append((f"--seed {shared.seed}", "seed", parse_count(shared.seed, "--seed", least=0)))
    return changes


def read_sets(texts: Iterable[str], problems: list[Problem]) -> list[Change]:
    """What every `--set` changes; what cannot be read goes to `problems`."""
    changes: list[Change] = []
    for text in texts:
        with collect(problems):
            changes += [(f"--set {text}", key, value) for key, value in parse_patch(text, f"--set {text}").items()]
    return changes


def load_config(path: Path, changes: Sequence[Change], *, own: bool = False) -> tuple[Config, dict[str, str], list[str]]:
    """The base: a file, changed all at once, so that `--optimizer adam --set optimizer.eps=1e-6` works in either order.

    Args:
        path: of the file.
        changes: to it.
        own: it is the command's own, which nobody has asked for.

    Returns:
        config: validated.
        sources: where each key was set.
        warnings: keys that a change of kind has dropped.
    """
    document = load(path)
    config = validate(leave_out(document.values, changes) if own else document.values, document.sources)
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    for option, key, _ in changes:
        if key in origins:
            problems.append(Problem(message=f"is set already by {origins[key]}", key=key, source=option))
        origins.setdefault(key, option)
    if problems:
        raise UserError(problems)
    try:
        patched = apply_patch(config, {key: value for _, key, value in changes})
    except UserError as error:
        raise error.located(origins) from None
    # Who asks for another network does not mean the settings of the one before
    asked = tuple(f"{key.partition('.')[0]}." for option, key, _ in changes if option.startswith(("--model ", "--data ")))
    lost = [key for key in patched.dropped if not (asked and key.startswith(asked))]
    dropped = [f"{key} does not apply any more and is dropped" for key in lost]
    # Of a section that is another one now, the file says nothing any more
    tags = {"model": "model.kind", "data": "data.name"}
    sections = {
        name: origins[tag]
        for name, tag in tags.items()
        if tag in origins and type(getattr(config, name)) is not type(getattr(patched.config, name))
    }
    sources = {key: place for key, place in document.sources.items() if key.partition(".")[0] not in sections}
    return patched.config, sources | sections | origins, dropped


def make_arms(config: Config, sources: Mapping[str, str], vs: Sequence[str]) -> tuple[list[Arm], list[str]]:
    """The base, and one arm for each `--vs`, or, where there is none, for each change in the config's `vs`.

    Args:
        config: the base.
        sources: where each of its keys was set.
        vs: what `--vs` was given.

    Returns:
        arms: the base first; a change in the config's `vs` that changes nothing, the base being like that, is none.
        warnings: what is odd about them.
    """
    given = [(f"--vs {text}", text) for text in vs]
    listed = [(find_source(f"vs.{index}", dict(sources)) or "vs", patch) for index, patch in enumerate(config.vs)]
    arms = [Arm(name="base", patch={}, config=config)]
    warnings: list[str] = []
    problems: list[Problem] = []
    for source, change in given or listed:
        with collect(problems):
            patch = parse_patch(change, source) if isinstance(change, str) else change
            if wrong := refuse_seed(patch, source):
                raise UserError(wrong)
            patched = apply_patch(config, patch, source)
            name = name_patch(patch)
            if any(arm.name == name for arm in arms):
                raise UserError("the same change is given twice", source=source)
            warnings += [f"{name}: {key} does not apply any more and is dropped" for key in patched.dropped]
            if patched.config == config:
                if not given:
                    continue
                warnings.append(f"{name} changes nothing: the base is like that")
            arms.append(Arm(name=name, patch=patch, config=patched.config))
    if problems:
        raise UserError(problems)
    return arms, warnings


def make_seeds(config: Config, shared: Shared) -> tuple[int, ...]:
    """The config's seed and those after it."""
    count = parse_count(shared.seeds, "--seeds") if shared.seeds is not None else 1
    if config.seed + count - 1 > MOST:
        raise UserError(f"must not lead beyond the largest seed, {MOST}", key="--seeds", value=shared.seeds or "1")
    return tuple(range(config.seed, config.seed + count))


def check_settings(shared: Shared) -> tuple[dict[str, Any], Baseline]:
    """The shared options as `trainlab.study.Settings` takes them, and what was reported earlier."""
    problems: list[Problem] = []
    threads, processes, trainings, seconds, baseline = 1, None, None, None, Baseline()
    fail_on = shared.fail_on or "never"
    problems += check_choice("--fail-on", fail_on, FAIL_ON)
    with collect(problems):
        threads = parse_count(shared.threads, "--threads")
    with collect(problems):
        processes = parse_processes(shared)
    with collect(problems):
        trainings, seconds = parse_budget(shared.budget)
    with collect(problems):
        baseline = read_baseline(shared.baseline, shared.tolerance)
    if problems:
        raise UserError(problems)
    settings = {
        "device": shared.device,
        "threads": threads,
        "processes": processes,
        "select": shared.select,
        "ignore": shared.ignore,
        "fail_on": fail_on,
        "baseline": baseline.known,
        "trainings": trainings,
        "seconds": seconds,
    }
    return settings, baseline


def parse_processes(shared: Shared) -> int | None:
    """How many processes may train; None for one a core."""
    if shared.processes == "auto":
        return None
    if shared.executor is not None:
        raise UserError("has no meaning beside --executor, which trains all of it", key="--processes", value=shared.processes)
    try:
        return parse_count(shared.processes, "--processes")
    except UserError:
        raise UserError("must be auto or a whole number of at least 1", key="--processes", value=shared.processes) from None


def parse_budget(text: str | None) -> tuple[float | None, float | None]:
    """`20x` to trainings, `30s` or `5m` to seconds."""
    if text is None:
        return None, None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(x|s|m)", text)
    if not match or float(match[1]) <= 0:
        raise UserError("must be a number of trainings (`20x`) or a time (`30s`, `5m`)", key="--budget", value=text)
    amount = float(match[1])
    return (amount, None) if match[2] == "x" else (None, amount * (60 if match[2] == "m" else 1))


def read_baseline(path: Path | None, tolerance: str = "0%") -> Baseline:
    """An earlier JSON report.

    Raises:
        UserError: it is none, or `tolerance` is no share in per cent.
    """
    share = parse_percent(tolerance, "--tolerance")
    if path is None:
        return Baseline()
    report = read_report(path, "--baseline")
    try:
        known = frozenset(
            (each["code"], each["run"], each["where"], severity)
            for each in report["findings"]
            for severity in SEVERITIES[SEVERITIES.index(each["severity"]) :]
        )
        return Baseline(report=report if report["runs"] else None, known=known, tolerance=share)
    except (KeyError, TypeError, ValueError):
        raise UserError("is no JSON report of trainlab's", key="--baseline", value=str(path)) from None


def warn(messages: list[str], shared: Shared) -> None:
    """Warnings go to stderr."""
    if not shared.quiet:
        for message in messages:
            sys.stderr.write(f"trainlab: {message}\n")


def write_cost(cost: Estimate, destinations: list[streams.Destination]) -> None:
    """What the study would take, in every format asked for."""
    least = "at least " if cost.is_least else ""
    most = f", at most {cost.most:g} trainings of the config" if cost.is_least and cost.most is not None else ""
    lines = [
        f"runs     {least}{cost.runs}{most}",
        f"updates  {least}{cost.updates}",
        f"memory   {least}{cost.bytes / 2**20:.3g} MiB beside torch and the data",
        f"time     {least}{_say_seconds(cost.seconds)} of training{_say_looks(cost)}",
        *(f"skipped  {each.run}: {each.reason}" for each in cost.skipped),
    ]
    skipped = [{"run": each.run, "reason": each.reason} for each in cost.skipped]
    values = {
        "runs": cost.runs,
        "updates": cost.updates,
        "bytes": cost.bytes,
        "seconds": cost.seconds,
        "looks": dict(cost.looks),
        "at_least": cost.is_least,
        "most_trainings": cost.most,
        "skipped": skipped,
    }
    for destination in destinations:
        text = json.dumps(values, indent=1) if destination.format == "json" else "\n".join(lines)
        streams.write(f"{text}\n", destination.path)


def _say_looks(cost: Estimate) -> str:
    """What is to be measured where the runs end, if that takes long, and how long."""
    longest = sorted(cost.looks.items(), key=lambda each: -each[1])
    told = ", ".join(f"{name.replace('-', ' ')} {_say_seconds(seconds)}" for name, seconds in longest)
    return f", then up to {_say_seconds(sum(cost.looks.values()))} of measuring ({told})" if told else ""


def _say_seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 99 else f"{seconds / 60:.2g} min" if seconds < 5900 else f"{seconds / 3600:.3g} h"
