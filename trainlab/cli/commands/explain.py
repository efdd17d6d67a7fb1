"""`trainlab explain`."""

from typing import Annotated

import typer


def _complete(incomplete: str) -> list[str]:
    from trainlab.cli.explaining import list_words

    return [word for word in list_words() if word.startswith(incomplete)]


def explain(
    name: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="A rule's code or name, or a concept. Without it: all there are.", autocompletion=_complete
        ),
    ] = None,
) -> None:
    """What does a rule or a concept mean, why, and what to do?"""
    from trainlab.cli import explaining

    if name:
        explaining.explain(" ".join(name))
    else:
        explaining.list_all()
