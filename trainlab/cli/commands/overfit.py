"""`trainlab overfit`."""

from typing import Annotated

import typer

from trainlab.cli.options import Chosen, study
from trainlab.cli.values import parse_count


@study
def overfit(
    remedy: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,NAME,...", help="The remedies to try, or all; without it all, unless --vs names changes."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One run beside the base: weight decay 0.04. No remedies.")] = False,
    folds: Annotated[str | None, typer.Option(metavar="N", help="Test on each of N parts of the data in turn.")] = None,
) -> Chosen:
    """How large is the gap between train and test, and what closes it?

    Without --vs, a config's `vs` or --quick, the remedies are tried, each at a few strengths, over 5 seeds.
    """
    names = tuple(dict.fromkeys(name.strip() for text in remedy or () for name in text.split(",")))
    return {
        "remedy": names or None,
        "quick": quick or None,
        "folds": None if folds is None else parse_count(folds, "--folds", least=2),
    }
