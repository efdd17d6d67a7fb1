"""`trainlab gradients`."""

from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study


@study
def gradients(
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Train N updates first, and show how the norms moved.")
    ] = None,
) -> Chosen:
    """Does the gradient reach every layer?"""
    return {"steps": steps}
