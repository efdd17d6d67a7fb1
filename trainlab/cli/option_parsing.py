"""How a command's options are read."""

from __future__ import annotations

from collections import Counter
from typing import Any

from typer.core import TyperCommand

from trainlab.errors import Problem, UserError


class Command(TyperCommand):
    """A subcommand that refuses an option given twice, where the first would silently not count."""

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
