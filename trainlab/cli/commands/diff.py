"""`trainlab diff`."""

from pathlib import Path
from typing import Annotated

import typer

from trainlab.cli.options import Plot, Verbose


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD.json", help="What was.")],
    new: Annotated[Path, typer.Argument(metavar="NEW.json", help="What is.")],
    tolerance: Annotated[str, typer.Option(metavar="P%", help="By how much of its old size a metric may be worse.")] = "2%",
    format: Annotated[
        list[str] | None,
        typer.Option("--format", metavar="F[:FILE]", help="table, plain, json, csv, markdown, html, junit or github. Repeatable."),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the first format goes.")] = None,
    plot: Plot = None,
    verbose: Verbose = False,
) -> None:
    """What changed between two reports?

    OLD and NEW were written by --format json. Exit 1 where a metric is worse beyond the tolerance (and, with several seeds, beyond
    what they differ by), or where a warning or an error is new.
    """
    from trainlab.cli.differing import carry_out

    raise typer.Exit(carry_out(old, new, tolerance, formats=format or [], output=output, plot=plot, verbose=verbose))
