"""`trainlab landscape`."""

from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study
from trainlab.cli.values import parse_positive_number


@study
def landscape(
    weights: Annotated[
        str | None, typer.Option(metavar="FILE", help="Look at these saved weights (a state_dict) and train nothing.")
    ] = None,
    radius: Annotated[
        str | None,
        typer.Option(metavar="X", help="How far weights are moved to see how sharp it is, as a share of them.  [default: 0.05]"),
    ] = None,
) -> Chosen:
    """Where did it stop: minimum, saddle or plateau; flat or sharp?"""
    return {"weights": weights, "radius": parse_positive_number(radius, "--radius")}
