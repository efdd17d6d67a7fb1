"""Draws the picture in README: a command as a terminal shows it. `python tests/draw_terminal.py`."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text
from terminal import run_in_terminal

COMMAND = "gradients --act sigmoid --layers 30"
PICTURE = Path(__file__).parent.parent / "README.svg"
# rich's own asks a server for its typeface; a picture in a page should ask nobody.
PAGE = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>trainlab {command}</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: {char_height}px;
  line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def draw(command: str) -> str:
    """The command and what it prints at 80 columns, as SVG."""
    _, printed = run_in_terminal(command.split(), color=True)
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold green"), f"trainlab {command}\n"))
    console.print(Text.from_ansi(printed))
    page = PAGE.replace("{command}", command)
    return console.export_svg(title="trainlab", theme=MONOKAI, code_format=page, unique_id="terminal")


if __name__ == "__main__":
    PICTURE.write_text(draw(COMMAND), encoding="utf-8")
