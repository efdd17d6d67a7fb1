"""Small drawings out of characters: bars, curves and strips, in block characters or in ASCII."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trainlab.renderers._numbers import format_number

LEAST_DECADES = 1.0  # a column of nearly equal numbers shows nearly equal bars
LOG_CURVE = 1e4  # a positive curve whose ends are further apart than this is drawn on a log scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """The characters to draw with.

    Attributes:
        eighths: the last cell of a bar, from nearly empty to full.
        levels: the cells of a curve or strip, from low to high.
        nonfinite: a cell that is not a number or infinite.
        rule: the line under a table's headings.
    """

    eighths: str
    levels: str
    nonfinite: str
    rule: str
    error: str
    warning: str
    info: str
    branch: str
    gap: str
    dot: str


UNICODE = Glyphs(
    eighths="▏▎▍▌▋▊▉█",
    levels="▁▂▃▄▅▆▇█",
    nonfinite="×",
    rule="─",
    error="✖",
    warning="▲",
    info="●",
    branch="└ ",
    gap="⋮",
    dot="·",
)
ASCII = Glyphs(
    eighths="#",
    levels=".:-=+*%#",
    nonfinite="!",
    rule="-",
    error="x",
    warning="!",
    info="i",
    branch="- ",
    gap=":",
    dot="|",
)

# What the program itself writes beyond ASCII, in ASCII; everything else is escaped.
SPELLED = str.maketrans(
    {"→": "->", "×": "x", "–": "-", "—": "-", "−": "-", "…": "...", "≤": "<=", "≥": ">=", "±": "+/-", "≈": "~", "∞": "inf"}
    | {"°": " deg", "·": "-", "µ": "u", "“": '"', "”": '"', "‘": "'", "’": "'"}
)


def to_printable(text: str, *, unicode: bool) -> str:
    """One line that cannot steer a terminal, and that an ASCII stream can take if `unicode` is false.

    Layer names and messages come from the user's code: an escape sequence in one is shown, not obeyed.
    """
    line = " ".join(text.split("\n"))
    if not line.isprintable():
        line = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line)
    if unicode:
        return line
    return line.translate(SPELLED).encode("ascii", "backslashreplace").decode()


def find_log_range(values: Sequence[float | None]) -> tuple[float, float] | None:
    """Lowest and highest log10 of the positive finite values, at least `LEAST_DECADES` apart; None if there are none."""
    logs = [math.log10(value) for value in values if value is not None and math.isfinite(value) and value > 0]
    if not logs:
        return None
    high = max(logs)
    return min(*logs, high - LEAST_DECADES), high


def draw_bar(value: float | None, span: tuple[float, float] | None, width: int, glyphs: Glyphs) -> str:
    """A bar on a log scale: the lowest of the column is one step long, the highest `width` cells; other values as text."""
    if value is None or not math.isfinite(value) or value <= 0 or span is None:
        return format_number(value)
    low, high = span
    steps = len(glyphs.eighths)
    length = max(1, round((math.log10(value) - low) / (high - low) * width * steps))
    full, rest = divmod(length, steps)
    return glyphs.eighths[-1] * full + (glyphs.eighths[rest - 1] if rest else "")


def draw_curve(values: Sequence[float | None], width: int, glyphs: Glyphs) -> str:
    """A curve in `width` cells or fewer, low to high from its own minimum to its own maximum.

    Linear, unless it is positive and spans more than `LOG_CURVE`, where a linear curve would be one spike.
    """
    cells = resample(values, width)
    finite = [value for value in cells if _is_number(value)]
    if finite and min(finite) > 0 and max(finite) / min(finite) > LOG_CURVE:
        return draw_strip(values, find_log_range(finite), width, glyphs)
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join(_draw_cell(value, low, high, glyphs) for value in cells)


def draw_strip(values: Sequence[float | None], span: tuple[float, float] | None, width: int, glyphs: Glyphs) -> str:
    """Positive values on a log scale, one cell each or `width` cells; an exact zero is the digit 0."""
    low, high = span or (0.0, 0.0)
    return "".join(
        _draw_cell(math.log10(value), low, high, glyphs)
        if _is_number(value) and value > 0
        else ("0" if value == 0 else glyphs.nonfinite)
        for value in resample(values, width)
    )


def resample(values: Sequence[float | None], width: int) -> list[float]:
    """At most `width` of the values, in order: in each stretch the one furthest from what was taken before it.

    So a spike stays, and a swing shows as a swing, where means would show a calm line. The first and last value are kept; a
    stretch with a value that is not finite shows that.
    """
    numbers = [math.nan if value is None else float(value) for value in values]
    if len(numbers) <= width:
        return numbers
    taken = [numbers[0]]
    inner = numbers[1:-1]
    for cell in range(width - 2):
        stretch = inner[cell * len(inner) // (width - 2) : (cell + 1) * len(inner) // (width - 2)]
        broken = [value for value in stretch if not math.isfinite(value)]
        before = taken[-1] if math.isfinite(taken[-1]) else stretch[0]
        taken.append(broken[0] if broken else max(stretch, key=lambda value: abs(value - before)))
    return [*taken, numbers[-1]]


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _draw_cell(value: float, low: float, high: float, glyphs: Glyphs) -> str:
    if not math.isfinite(value):
        return glyphs.nonfinite
    top = len(glyphs.levels) - 1
    return glyphs.levels[round((value - low) / (high - low) * top) if high > low else 0]
