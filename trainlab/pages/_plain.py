"""Pages without a terminal: the few forms of Markdown that pages use, wrapped, and still Markdown."""

from __future__ import annotations

import textwrap


def to_plain(markdown: str, width: int) -> str:
    """Headings underlined, paragraphs and list items wrapped to `width`, indented blocks as they are."""
    blocks = [_lay_out(block, width) for block in markdown.strip("\n").split("\n\n")]
    return "\n\n".join(blocks) + "\n"


def _lay_out(block: str, width: int) -> str:
    if block.startswith("    "):
        return block
    if block.startswith("#"):
        marks, _, heading = block.partition(" ")
        return f"{heading}\n{('=' if marks == '#' else '-') * len(heading)}"
    if block.startswith("- "):
        return "\n".join(_wrap(item, width, "- ") for item in block.removeprefix("- ").split("\n- "))
    return _wrap(block, width, "")


def _wrap(text: str, width: int, mark: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        width,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
