"""The one exception that becomes a message to the user, and how that message reads."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with what the user gave.

    Attributes:
        message: what is wrong, without the value, as a phrase ("must be positive").
        key: dotted path of the setting, or the name of an option; empty if there is none.
        value: the offending value as the user wrote it, already turned into text.
        source: where it stands: `file:line`, or the option that set it.
        choices: what would have been accepted, if that is a short closed list.
        nearest: the accepted spelling closest to the value, if one is close.
    """

    message: str
    key: str = ""
    value: str | None = None
    source: str | None = None
    choices: tuple[str, ...] = ()
    nearest: str | None = None

    def __str__(self) -> str:
        place = f"{self.source}: " if self.source else ""
        key = f"{self.key}: " if self.key else ""
        text = f"{place}{key}{self.message}"
        if self.value is not None:
            text += f" (got {self.value})"
        if self.nearest:
            text += f"; did you mean {self.nearest!r}?"
        if self.choices:
            text += f"{'' if text.endswith(('?', '.')) else '.'} Choices: {', '.join(self.choices)}."
        return text


class UserError(Exception):
    """Bad input: every problem found, to be shown together, exit code 2.

    Raised anywhere, caught once, at the edge of the command line.
    """

    def __init__(self, problems: Iterable[Problem] | Problem | str, **fields: object) -> None:
        if isinstance(problems, str):
            problems = Problem(message=problems, **fields)  # type: ignore[arg-type]  # fields are Problem's own
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[Problem, ...]]]:
        """Pickled with its problems: it may be raised in another process."""
        return UserError, (self.problems,)

    def located(self, sources: dict[str, str]) -> UserError:
        """The same problems, each with the source of its key (or of the nearest enclosing key)."""
        return UserError(
            [problem if problem.source else replace(problem, source=find_source(problem.key, sources)) for problem in self.problems]
        )


@contextlib.contextmanager
def collect(problems: list[Problem]) -> Iterator[None]:
    """Put the problems of the block into the list, so that all of them can be shown at once."""
    try:
        yield
    except UserError as error:
        problems += error.problems


def find_source(key: str, sources: dict[str, str]) -> str | None:
    """Where `key` was set: its own entry in `sources`, else that of the closest enclosing section, or of what names its kind."""
    while key:
        if key in sources:
            return sources[key]
        section = key.rpartition(".")[0]
        tag = next((f"{section}.{name}" for name in ("name", "kind", "mode") if f"{section}.{name}" in sources), "")
        key = tag if tag and section not in sources else section
    return sources.get("")


def check_choice(key: str, value: object, choices: tuple[str, ...]) -> list[Problem]:
    """The problem with a value that must be one of a few words; none if it is."""
    if value in choices:
        return []
    text = value if isinstance(value, str) else repr(value)
    nearest = find_nearest(text, choices)
    return [Problem(message="is none of the choices", key=key, value=text or repr(text), choices=choices, nearest=nearest)]


def find_nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice spelled most like `word`, or None if none is close."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return close[0] if close else None
