"""How a command's options are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from typer.core import TyperCommand

from trainlab.errors import Problem, UserError

FROM_ENVIRONMENT = (
    "device",
    "threads",
    "processes",
    "executor",
    "seeds",
    "format",
    "select",
    "ignore",
    "fail_on",
    "baseline",
    "tolerance",
    "budget",
    "quiet",
    "verbose",
)
"""Options whose default `TRAINLAB_<NAME>` may give: how to run, judge and report, never what is trained."""


class Command(TyperCommand):
    """A subcommand that refuses an option given twice, where the first would silently not count, and heeds the environment."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        for each in self.params:
            if each.name in FROM_ENVIRONMENT:
                each.envvar = f"TRAINLAB_{each.name.upper()}"
                each.show_envvar = False  # type: ignore[attr-defined]  # said once, below the options
        if names := [each.envvar for each in self.params if each.envvar]:
            self.epilog = f"Defaults are read from the environment too: {', '.join(map(str, names))}."

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every command of typer's."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        repeatable = {
            id(each) for each in order if each.nargs != 1 or getattr(each, "multiple", False) or getattr(each, "is_flag", False)
        }
        counts = Counter(each.opts[0] for each in order if id(each) not in repeatable)
        if twice := [option for option, count in counts.items() if count > 1]:
            raise UserError([Problem(message="is given twice", key=option) for option in twice])
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """As every command of typer's.

        Raises:
            UserError: with the variable as the source of what it brought in.
        """
        try:
            return super().invoke(ctx)
        except UserError as error:
            sources = {
                each.opts[0]: str(each.envvar)
                for each in self.params
                if each.name is not None and getattr(ctx.get_parameter_source(each.name), "name", "") == "ENVIRONMENT"
            }
            raise UserError([replace(each, source=each.source or sources.get(each.key)) for each in error.problems]) from error
