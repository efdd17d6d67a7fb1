"""`trainlab watch`."""

from pathlib import Path
from typing import Annotated

import typer

from trainlab.cli.options import FAIL_ON, Baseline, FullSeries, Ignore, Plot, Select, Tensorboard, Verbose
from trainlab.cli.watching import WatchCommand, carry_out

COMMAND = WatchCommand


def watch(
    script: Annotated[str | None, typer.Argument(metavar="SCRIPT", help="What to run, as python would.")] = None,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARGUMENTS]...", help="The script's own.")] = None,
    module: Annotated[str | None, typer.Option("-m", metavar="MODULE", help="Run a module, as `python -m` does.")] = None,
    every: Annotated[str, typer.Option(metavar="N", help="Look closely at every Nth update, after the first ten.")] = "10",
    max_overhead: Annotated[str, typer.Option(metavar="P%", help="Share of the script's time that looking may take.")] = "3%",
    max_steps: Annotated[str | None, typer.Option(metavar="N", help="End the script after so many updates.")] = None,
    stop_on: Annotated[str, typer.Option(metavar=FAIL_ON, help="End the script at such findings.")] = "never",
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="F[:FILE]",
            help="table, plain, json, csv, markdown, html, junit or github; jsonl is written while the script runs. Repeatable.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the first format goes.  [default: stderr]")] = None,
    plot: Plot = None,
    tensorboard: Tensorboard = None,
    full_series: FullSeries = False,
    select: Select = None,
    ignore: Ignore = None,
    fail_on: Annotated[str, typer.Option(metavar=FAIL_ON, help="Exit 1 at such findings.")] = "never",
    baseline: Baseline = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No status line, no warnings.")] = False,
    verbose: Verbose = False,
) -> None:
    """What is happening inside my script?

    Runs SCRIPT as python would, changes nothing in it, and reports on stderr what is wrong with the way it trains. The exit code
    is the script's own; with --fail-on, 1 where the script ended well and such a finding was made.
    """
    carry_out(**locals())
