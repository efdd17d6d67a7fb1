"""How a report's table is laid out in characters: what each cell says, which columns have room, which rows are shown."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

from trainlab.renderers._glyphs import Glyphs, draw_bar, draw_curve, draw_strip, find_log_range, to_printable
from trainlab.renderers._numbers import format_column, format_percent, format_value, to_plain
from trainlab.report import Column, Table

GAP = 2  # spaces between columns
DRAWING = {"log-bar": (8, 20), "curve": (8, 24), "strip": (8, 24)}  # fewest and most cells
LEGIBLE = 16  # cells of a drawing beyond which prose is served first
PROSE = 32  # a text of more than this may be wrapped at its spaces
FOLDED = 8  # the narrowest column into which a word is folded, when nothing else helps

LONG = 60  # rows
SHORT = 16  # rows, of a table that knows which of its rows matter
ENDS = 8  # rows kept at either end of a long table
AROUND = 1  # rows kept on either side of an interesting one
MOST = 40  # rows kept of a long table

# Beginnings of words, so that "vanishing" and "vanishes" are one.
BAD = re.compile(
    r"\b(vanish|explod|diverg|too (high|low|large|small|much)|over-?fit|under-?fit|over-?train|harm|dead|dies|died|dying|fail|stall"
    r"|satur|collaps|unstable|worse|broken|error|never|not (?!judged|measured)|no (?!difference|gap)|swing|oscillat|stuck|lost)",
    re.IGNORECASE,
)
GOOD = re.compile(
    r"\b(good|health|help|ok\b|surviv|stable|converg|best|fine|pass|settl|better|yes\b|no gap|reach|learn)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """One column with its cells as text, and the room it wants.

    Attributes:
        least: the width below which something would be cut.
        most: the width beyond which it gains nothing.
    """

    column: Column
    values: tuple[Any, ...]
    cells: tuple[str, ...]
    least: int
    most: int

    @property
    def is_drawing(self) -> bool:
        """Drawn anew for each width, not wrapped."""
        return self.column.kind in DRAWING

    @property
    def is_text(self) -> bool:
        """Wrapped at spaces, and folded if need be."""
        return self.column.kind in {"text", "verdict"}

    @property
    def is_right(self) -> bool:
        """Numbers stand under each other at their ends."""
        return self.column.kind in {"number", "percent"}


def lay_out(table: Table, glyphs: Glyphs, *, unicode: bool) -> list[Laid]:
    """Every column of `table`, drawings at their largest."""
    return [
        _lay_out_column(column, tuple(row[position] for row in table.rows), glyphs, unicode=unicode)
        for position, column in enumerate(table.columns)
    ]


def _lay_out_column(column: Column, values: tuple[Any, ...], glyphs: Glyphs, *, unicode: bool) -> Laid:
    most_cells = DRAWING.get(column.kind, (0, 0))[1]
    cells = tuple(to_printable(cell, unicode=unicode) for cell in _write_cells(column, values, most_cells, glyphs))
    name = to_printable(column.name, unicode=unicode)
    words = max(map(cell_len, name.split()), default=0)
    natural = max(cell_len(name), *map(cell_len, cells), 1)
    if column.kind in DRAWING:
        fewest = DRAWING[column.kind][0]
        # A curve of five points needs no more than five cells; a bar always needs its full length to compare.
        longest = max(map(cell_len, cells), default=0)
        least = min(fewest, longest) if column.kind != "log-bar" else fewest
        return Laid(column=column, values=values, cells=cells, least=max(words, least), most=max(natural, words))
    if column.kind in {"text", "verdict"}:
        unbroken = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
        longest = max(map(cell_len, cells), default=0)
        return Laid(column=column, values=values, cells=cells, least=max(words, unbroken, min(longest, PROSE)), most=natural)
    longest = max(map(cell_len, cells), default=0)
    return Laid(column=column, values=values, cells=cells, least=max(words, longest), most=natural)


def redraw(laid: Laid, width: int, glyphs: Glyphs) -> tuple[str, ...]:
    """The cells of a drawing in `width` characters; other cells as they are."""
    if not laid.is_drawing:
        return laid.cells
    return _write_cells(laid.column, laid.values, min(width, DRAWING[laid.column.kind][1]), glyphs)


def _write_cells(column: Column, values: Sequence[Any], width: int, glyphs: Glyphs) -> tuple[str, ...]:
    """Text of every cell; what does not fit its column's kind (a word among numbers) is written as it is."""
    plain = [to_plain(value) for value in values]
    if column.kind in {"curve", "strip"}:
        return _draw_lists(column, plain, width, glyphs)
    numbers = [value for value in plain if is_number(value)]
    if column.kind == "log-bar":
        span = find_log_range(numbers)
        written = iter([draw_bar(value, span, width, glyphs) for value in numbers])
    elif column.kind == "percent":
        written = iter([format_percent(value) for value in numbers])
    else:
        written = iter(format_column(numbers))
    return tuple(next(written) if is_number(value) else format_value(value) for value in plain)


def _draw_lists(column: Column, plain: Sequence[Any], width: int, glyphs: Glyphs) -> tuple[str, ...]:
    plain = [value if value != [] else None for value in plain]
    lists = [value for value in plain if isinstance(value, list | tuple)]
    if column.kind == "curve":
        drawn = iter([draw_curve(value, width, glyphs) for value in lists])
    else:
        # One scale for all rows, so that two strips can be compared.
        span = find_log_range([item for value in lists for item in value])
        drawn = iter([draw_strip(value, span, width, glyphs) for value in lists])
    return tuple(next(drawn) if isinstance(value, list | tuple) else format_value(value) for value in plain)


def is_number(value: Any) -> bool:
    """A number, and not a truth value, which Python counts among them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def fit(columns: Sequence[Laid], room: int | None) -> list[int | None]:
    """The width of each column in `room` characters; None for a column that has none.

    Columns of the highest priority value go first, the last of them before the others; those of priority 0 stay. Names are whole as
    long as they fit at all; then the widest text is folded.
    """
    if room is None:
        return [laid.most for laid in columns]
    kept = list(range(len(columns)))
    widths = {position: columns[position].least for position in kept}

    def find_excess() -> int:
        return sum(widths[position] for position in kept) + GAP * (len(kept) - 1) - room

    while find_excess() > 0 and (optional := [position for position in kept if columns[position].column.priority > 0]):
        kept.remove(max(optional, key=lambda position: (columns[position].column.priority, position)))
    while (excess := find_excess()) > 0:
        texts = [position for position in kept if columns[position].is_text and widths[position] > FOLDED]
        if not texts:
            break
        widest = max(texts, key=widths.__getitem__)
        widths[widest] = max(widths[widest] - excess, FOLDED)
    # What is left goes to drawings until they can be read, then to headings and prose, then to drawings again.
    wishes = [(at, min(columns[at].most, LEGIBLE)) for at in kept if columns[at].is_drawing]
    wishes += [(at, columns[at].most) for at in sorted(kept, key=lambda at: columns[at].is_drawing)]
    for position, wish in wishes:
        widths[position] += min(max(-find_excess(), 0), max(wish - widths[position], 0))
    return [widths[position] if position in kept else None for position in range(len(columns))]


def choose_rows(table: Table, places: Collection[str]) -> list[int]:
    """Which rows of a long table to show: those it names itself, else both ends and what there is to see, with neighbours.

    To see is: a place that a finding names, a bad verdict, a number that is not finite.
    """
    last = len(table.rows) - 1
    if table.shown and last >= SHORT:
        return list(table.shown)
    if last < LONG:
        return list(range(last + 1))
    chosen = {*range(ENDS), *range(last + 1 - ENDS, last + 1)}
    for position, row in enumerate(table.rows):
        if len(chosen) >= MOST:
            break
        if any(_is_interesting(column, value, places) for column, value in zip(table.columns, row, strict=True)):
            chosen |= set(range(max(0, position - AROUND), min(last, position + AROUND) + 1))
    return sorted(chosen)


def _is_interesting(column: Column, value: Any, places: Collection[str]) -> bool:
    if column.kind == "verdict":
        return isinstance(value, str) and judge_word(value) == "bad"
    if isinstance(value, str):
        return column.kind == "text" and value in places
    return isinstance(value, float) and not math.isfinite(value)


def judge_word(verdict: str) -> str:
    """`bad`, `good` or `neutral`, by the words of a verdict; a bad word wins."""
    if BAD.search(verdict):
        return "bad"
    return "good" if GOOD.search(verdict) else "neutral"
