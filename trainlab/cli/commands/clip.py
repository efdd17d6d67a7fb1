"""`trainlab clip`."""

from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study
from trainlab.cli.values import parse_positive_numbers


@study
def clip(
    threshold: Annotated[list[str] | None, typer.Option(metavar="X,X,...", help="Thresholds to clip at. Repeatable.")] = None,
) -> Chosen:
    """Is clipping needed, by value or by norm, at which threshold?"""
    return {"threshold": parse_positive_numbers(threshold, "--threshold")}
