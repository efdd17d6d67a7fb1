"""`trainlab lr-sweep`."""

from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study
from trainlab.cli.values import parse_positive_numbers


@study
def lr_sweep(
    lr: Annotated[list[str] | None, typer.Option(metavar="X,X,...", help="The rates to train, exactly these. Repeatable.")] = None,
) -> Chosen:
    """Which learning rate, and how wide is the safe band?"""
    return {"lr": parse_positive_numbers(lr, "--lr")}
