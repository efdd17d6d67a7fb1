"""`trainlab check`."""

from pathlib import Path
from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study


@study(fail_on="error", budget="40x")
def check(
    diagnose: Annotated[bool, typer.Option("--diagnose", help="Only say what is wrong: try no remedies.")] = False,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Write the mended config there, and check it again.")
    ] = None,
) -> Chosen:
    """What is wrong with this training, and what mends it? Every rule, one verdict; then remedies, tried."""
    return {"try": not diagnose, "write": write}
