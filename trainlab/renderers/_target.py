"""Where a report is going, as far as a renderer needs to know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the reader's side can show, and how much of it was asked for.

    Attributes:
        width: columns of the terminal; None if it is a file or a pipe, where nothing is cut, dropped or folded.
        color: escape sequences for colour and weight may be written.
        unicode: the encoding has box, block and other non-ASCII characters.
        verbose: show what is usually left out: environment, metrics of every run, long tables whole.
        full_series: do not thin series.
        picture: of the report, as SVG; empty where there is none, or nobody wanted it.
        command_line: what was typed, so that it can be typed again; empty if it was not a command.
    """

    width: int | None = None
    color: bool = False
    unicode: bool = True
    verbose: bool = False
    full_series: bool = False
    picture: str = ""
    command_line: str = ""
