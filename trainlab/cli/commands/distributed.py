"""`trainlab distributed`."""

import os
from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study
from trainlab.cli.values import parse_count, parse_positive_number
from trainlab.errors import UserError, find_nearest

SHARDING = ("blocks", "strided")


@study
def distributed(
    ranks: Annotated[
        str | None, typer.Option(metavar="N", help="Processes that share an update; under torchrun all that it has started.")
    ] = None,
    sharding: Annotated[
        str | None, typer.Option(metavar="blocks|strided", help="Contiguous parts, or every N-th sample as DistributedSampler.")
    ] = None,
    steps: Annotated[
        str | None, typer.Option(metavar="N", help="Updates to compare: the first, and the last of the epoch.  [default: 5]")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="SECONDS", help="Give up when no rank moves on for so long.  [default: 60]")
    ] = None,
    time: Annotated[bool, typer.Option("--time", help="Measure time too: an update, its all-reduce, the speed-up.")] = False,
) -> Chosen:
    """Do N ranks compute the update that one process would?"""
    if sharding is not None and sharding not in SHARDING:
        nearest = find_nearest(sharding, SHARDING)
        raise UserError("is none of the choices", key="--sharding", value=sharding, choices=SHARDING, nearest=nearest)
    started = os.environ.get("WORLD_SIZE") if "RANK" in os.environ else None
    asked = ranks or started
    return {
        "ranks": None if asked is None else parse_count(asked, "--ranks"),
        "sharding": sharding,
        "steps": None if steps is None else parse_count(steps, "--steps"),
        "timeout": parse_positive_number(timeout, "--timeout"),
        "timed": time or None,  # `time` would have every run timed by itself
    }
