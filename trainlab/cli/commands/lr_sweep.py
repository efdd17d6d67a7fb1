"""`trainlab lr-sweep`."""

from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study
from trainlab.cli.values import parse_count, parse_positive_number, parse_positive_numbers
from trainlab.errors import UserError


@study
def lr_sweep(
    lr: Annotated[list[str] | None, typer.Option(metavar="X,X,...", help="The rates to train, exactly these. Repeatable.")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="X", help="Lowest rate of the grid.  [default: 1e-6]")] = None,
    to: Annotated[str | None, typer.Option(metavar="X", help="Highest rate of the grid.  [default: 10]")] = None,
    points: Annotated[
        str | None, typer.Option(metavar="N", help="Rates of the grid, or updates of the ramp.  [default: 25, 200]")
    ] = None,
    range_test: Annotated[
        bool, typer.Option("--range-test", help="One short run in which the rate grows: quick, and only a hint.")
    ] = False,
    all_optimizers: Annotated[bool, typer.Option("--all-optimizers", help="Compare all, each at its own best rate.")] = False,
    all_schedules: Annotated[bool, typer.Option("--all-schedules", help="Compare all, each at its own best rate.")] = False,
) -> Chosen:
    """Which learning rate, and how wide is the safe band?"""
    low, high = parse_positive_number(from_, "--from"), parse_positive_number(to, "--to")
    rates = parse_positive_numbers(lr, "--lr")
    if rates is not None and (low is not None or high is not None or points is not None):
        raise UserError("trains exactly these rates, and --from, --to and --points make a grid: give one or the other", key="--lr")
    if rates is not None and range_test:
        raise UserError("makes its own rates: leave out --lr", key="--range-test")
    if low is not None and low >= (high if high is not None else 10.0):
        raise UserError("must be below --to", key="--from", value=from_ or "")
    return {
        "lr": rates,
        "from": low,
        "to": high,
        "points": parse_count(points, "--points", least=2) if points is not None else None,
        "range_test": range_test or None,
        "all_optimizers": all_optimizers or None,
        "all_schedules": all_schedules or None,
    }
