"""From options to a report on stdout: what every study's command does."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainlab import plugins
from trainlab.cli import streams
from trainlab.cli.exits import ExitCode
from trainlab.cli.options import Chosen, Shared
from trainlab.config import Config, apply_patch, find_config, load, name_patch, parse_patch, parse_value, validate
from trainlab.errors import UserError, find_nearest
from trainlab.plan import Arm, Options

if TYPE_CHECKING:
    from trainlab.report import Report
    from trainlab.study import Settings

FAIL_ON = ("never", "warning", "error")


def conduct(command: str, chosen: Chosen, shared: Shared) -> int:
    """Carry out a study and write its report.

    Returns:
        The exit code.

    Raises:
        UserError: something the user gave is wrong.
    """
    destinations = streams.parse_destinations(list(shared.format), shared.output)
    if shared.plot is not None:
        streams.check_writable(shared.plot, "--plot")
        plugins.load("trainlab.pictures", command)
        from trainlab.pictures._save import check

        check(command, shared.plot)
    config, sources, warnings = load_config(command, shared)
    arms, more = make_arms(config, shared)
    warn([*warnings, *more], shared)
    options = Options(
        arms=tuple(arms),
        seeds=tuple(range(config.seed, config.seed + shared.seeds)),
        chosen={name: value for name, value in chosen.items() if value is not None},
    )
    settings = make_settings(shared)

    from trainlab.cli.startup import import_torch

    import_torch()
    from trainlab import study

    try:
        if shared.dry_run:
            return tell_cost(command, config, options, settings)
        from trainlab.cli.progress import watch

        with watch(quiet=shared.quiet) as watcher:
            report = study.run(command, config, options, settings, watcher)
    except UserError as error:
        raise error.located(sources) from error
    write_report(report, destinations, shared)
    if watcher.signal is not None:
        return ExitCode.INTERRUPTED if watcher.signal == signal.SIGINT else ExitCode.TERMINATED
    return report.exit_code


def load_config(command: str, shared: Shared) -> tuple[Config, dict[str, str], list[str]]:
    """The base: the file, or the command's own config, changed by the options.

    Returns:
        config: validated.
        sources: where each key was set.
        warnings: keys that a change of kind has dropped.
    """
    document = load(find_config(shared.config or command))
    config = validate(document.values, document.sources)
    sources = dict(document.sources)
    changes: list[tuple[str, dict[str, Any]]] = [
        (f"{option} {text}", {key: parse_value(text, option)}) for option, key, text in shared.patches
    ]
    changes += [(f"--set {text}", parse_patch(text, f"--set {text}")) for text in shared.set]
    if shared.seed is not None:
        changes.append((f"--seed {shared.seed}", {"seed": shared.seed}))
    if not changes:
        return config, sources, []
    # All at once, so that `--optimizer adam --set optimizer.eps=1e-6` works in either order.
    together = {key: value for _, patch in changes for key, value in patch.items()}
    origins = {key: source for source, patch in changes for key in patch}
    try:
        patched = apply_patch(config, together)
    except UserError as error:
        raise error.located(origins) from None
    dropped = [f"{key} does not apply any more and is dropped" for key in patched.dropped]
    return patched.config, sources | origins, dropped


def make_arms(config: Config, shared: Shared) -> tuple[list[Arm], list[str]]:
    """The base and one arm a `--vs`; what the patches drop as warnings. `--vs` takes the place of the config's `vs`."""
    arms = [Arm(name="base", patch={}, config=config)]
    warnings = []
    for text in shared.vs:
        source = f"--vs {text}"
        patch = parse_patch(text, source)
        patched = apply_patch(config, patch, source)
        name = name_patch(patch)
        if any(arm.name == name for arm in arms):
            raise UserError("is given twice", key="--vs", value=text)
        arms.append(Arm(name=name, patch=patch, config=patched.config))
        warnings += [f"{name}: {key} does not apply any more and is dropped" for key in patched.dropped]
    return arms, warnings


def make_settings(shared: Shared) -> Settings:
    """The shared options as `trainlab.study` takes them, checked."""
    fail_on = shared.fail_on or "never"
    if fail_on not in FAIL_ON:
        raise UserError(
            "is none of the choices", key="--fail-on", value=fail_on, choices=FAIL_ON, nearest=find_nearest(fail_on, FAIL_ON)
        )
    trainings, seconds = parse_budget(shared.budget)
    baseline = read_baseline(shared.baseline)

    from trainlab.cli.startup import import_torch

    import_torch()
    from trainlab.study import Settings

    return Settings(
        device=shared.device,
        threads=shared.threads,
        select=shared.select,
        ignore=shared.ignore,
        fail_on=fail_on,
        baseline=baseline,
        trainings=trainings,
        seconds=seconds,
    )


def parse_budget(text: str | None) -> tuple[float | None, float | None]:
    """`20x` to trainings, `30s` or `5m` to seconds."""
    if text is None:
        return None, None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(x|s|m)", text)
    if not match or float(match[1]) <= 0:
        raise UserError("must be a number of trainings (`20x`) or a time (`30s`, `5m`)", key="--budget", value=text)
    amount = float(match[1])
    return (amount, None) if match[2] == "x" else (None, amount * (60 if match[2] == "m" else 1))


def read_baseline(path: Path | None) -> frozenset[tuple[str, str, str]]:
    """What is already known: `(code, run, where)` of the findings of an earlier JSON report."""
    if path is None:
        return frozenset()
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if not str(report["schema"]).startswith("trainlab.report/"):
            raise ValueError
        return frozenset((each["code"], each["run"], each["where"]) for each in report["findings"])
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", key="--baseline", value=str(path)) from None
    except (ValueError, KeyError, TypeError):
        raise UserError("is no JSON report of trainlab's", key="--baseline", value=str(path)) from None


def warn(messages: list[str], shared: Shared) -> None:
    """Warnings go to stderr."""
    if not shared.quiet:
        for message in messages:
            sys.stderr.write(f"trainlab: {message}\n")


def tell_cost(command: str, config: Config, options: Options, settings: Settings) -> int:
    """What the study would take, on stdout."""
    from trainlab import study

    cost = study.estimate(command, config, options, settings)
    lines = [
        f"runs     {cost.runs}",
        f"updates  {cost.updates}",
        f"memory   {cost.bytes / 2**20:.3g} MiB beside torch and the data",
        f"time     {cost.seconds:.2g} s",
        *(f"skipped  {each.run}: {each.reason}" for each in cost.skipped),
    ]
    streams.write("\n".join(lines) + "\n", None)
    return ExitCode.CLEAN


def write_report(report: Report, destinations: list[streams.Destination], shared: Shared) -> None:
    """Every document to its place, then the picture."""
    from trainlab.renderers._target import Target

    for destination in destinations:
        on_terminal = destination.path is None
        target = Target(
            width=streams.find_width(sys.stdout) if on_terminal else None,
            color=on_terminal and streams.wants_color(sys.stdout),
            unicode=streams.can_unicode(sys.stdout) if on_terminal else True,
            verbose=shared.verbose,
            full_series=shared.full_series,
        )
        streams.write(plugins.load("trainlab.renderers", destination.format).render(report, target), destination.path)
    if shared.plot is not None:
        from trainlab.pictures._save import save

        save(report, shared.plot)
