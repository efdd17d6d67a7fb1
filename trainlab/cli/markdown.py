"""Markdown on a terminal that shows colours."""

from __future__ import annotations

import io
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.segment import Segment
from rich.theme import Theme

# No backgrounds: nobody knows which colour the terminal has.
LOOK = {
    "markdown.h1": "bold underline",
    "markdown.h2": "bold cyan",
    "markdown.code": "cyan",
    "markdown.item.bullet": "none",
    "command": "bold",
    "output": "none",
}


class _Heading(Heading):
    """At the left margin, without a box."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.text


class _Block(CodeBlock):
    """As it stands in the page, indented and never wrapped, so that a command can be copied."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        is_command = False
        for line in str(self.text).rstrip().split("\n"):
            is_command = line.startswith("trainlab ") or (is_command and line.startswith(" "))
            yield Segment(f"    {line}", console.get_style("command" if is_command else "output"))
            yield Segment.line()


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "heading_open": _Heading, "code_block": _Block}


def draw(markdown: str, width: int) -> str:
    """`markdown` laid out in `width` columns, with the terminal's control sequences."""
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="256",
        legacy_windows=False,
        theme=Theme(LOOK),
        _environ={},
    )
    console.print(_Page(markdown, hyperlinks=False))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO given above
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").split("\n"))
