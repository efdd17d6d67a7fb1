"""The tables of README that are measured and written, each between marks of its own."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def make_marks(name: str) -> tuple[str, str]:
    """What stands before and behind the table of that name."""
    return f"<!-- {name} -->\n", f"<!-- /{name} -->\n"


def read_table(name: str) -> str:
    """What stands between the marks."""
    begin, end = make_marks(name)
    return README.read_text(encoding="utf-8").split(begin)[1].split(end)[0]


def write_table(name: str, table: str) -> None:
    """In the place of what stands between the marks."""
    begin, end = make_marks(name)
    before, rest = README.read_text(encoding="utf-8").split(begin)
    README.write_text(before + begin + table + end + rest.split(end)[1], encoding="utf-8")
