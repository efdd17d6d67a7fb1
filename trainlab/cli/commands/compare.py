"""`trainlab compare`."""

from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study
from trainlab.cli.values import parse_choice, parse_number
from trainlab.errors import Problem, UserError


@study
def compare(
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE,...", help="Values to set side by side; given again, every combination."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="score|loss|updates", help="What decides: accuracy or R2, training loss, updates to the target."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="LOSS", help="Training loss to count the updates to.  [default: what all reach that learn]"),
    ] = None,
    equal: Annotated[
        str | None,
        typer.Option(
            metavar="epochs|both", help="Compare at equal epochs, or at equal updates too.  [default: both for batch sizes]"
        ),
    ] = None,
    time: Annotated[bool, typer.Option("--time", help="Also time an update of each, trained by itself.")] = False,
) -> Chosen:
    """What does a change do? Any changes, side by side, and whether the difference is real."""
    return {
        "vary": _read_factors(vary),
        "by": parse_choice(by, "--by", ("score", "loss", "updates")),
        "target": parse_number(target, "--target"),
        "equal": parse_choice(equal, "--equal", ("epochs", "both")),
        "time": time or None,
    }


def _read_factors(texts: list[str] | None) -> dict[str, list[object]] | None:
    """The values by key, in the order given."""
    from trainlab.config import parse_values

    factors: dict[str, list[object]] = {}
    problems: list[Problem] = []
    for text in texts or ():
        try:
            key, values = parse_values(text, f"--vary {text}")
        except UserError as error:
            problems += error.problems
            continue
        if key in factors:
            problems.append(Problem(message="is given twice: list its values in one --vary", key=key, source=f"--vary {text}"))
        factors[key] = values
    if problems:
        raise UserError(problems)
    return factors or None
