"""`trainlab gradients`."""

from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study
from trainlab.cli.values import parse_count


@study
def gradients(
    steps: Annotated[str | None, typer.Option(metavar="N", help="Train N updates first, and show how the norms moved.")] = None,
) -> Chosen:
    """Does the gradient reach every layer?"""
    return {"steps": None if steps is None else parse_count(steps, "--steps")}
