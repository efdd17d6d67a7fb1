"""Option values: counts, and lists of numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from trainlab.errors import UserError, find_nearest

MOST = 2**63 - 1  # what torch takes as a seed


def parse_count(text: str, option: str, *, least: int = 1) -> int:
    """A whole number of at least `least`.

    Raises:
        UserError: it is none.
    """
    number = int(text) if re.fullmatch(r"[0-9]{1,19}", text) else -1
    if not least <= number <= MOST:
        raise UserError(f"must be a whole number of at least {least}", key=option, value=text or repr(text))
    return number


def parse_choice(text: str | None, option: str, choices: tuple[str, ...]) -> str | None:
    """One of some words; None if the option was not given.

    Raises:
        UserError: it is none of them.
    """
    if text is not None and text not in choices:
        raise UserError(
            "is none of the choices", key=option, value=text or repr(text), choices=choices, nearest=find_nearest(text, choices)
        )
    return text


def parse_number(text: str | None, option: str) -> float | None:
    """Any number; None if the option was not given.

    Raises:
        UserError: it is none.
    """
    try:
        number = None if text is None else float(text)
    except ValueError:
        number = math.nan
    if number is not None and not math.isfinite(number):
        raise UserError("must be a number", key=option, value=text or repr(text))
    return number


def parse_percent(text: str, option: str) -> float:
    """`3%` to 0.03.

    Raises:
        UserError: it is no share in per cent.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text)
    if not match:
        raise UserError("must be a share in per cent, as in `3%`", key=option, value=text)
    return float(match[1]) / 100


def parse_positive_number(text: str | None, option: str) -> float | None:
    """A number above 0; None if the option was not given.

    Raises:
        UserError: it is none.
    """
    if text is None:
        return None
    number = _read_positive(text)
    if number is None:
        raise UserError("must be a number above 0", key=option, value=text or repr(text))
    return number


def parse_positive_numbers(texts: Sequence[str] | None, option: str) -> tuple[float, ...] | None:
    """`0.001,0.01`, or the option given once for each, to numbers above 0; None if it was not given.

    Raises:
        UserError: one of them is no such number, or stands there twice.
    """
    if not texts:
        return None
    numbers: list[float] = []
    for part in (part for text in texts for part in text.split(",")):
        number = _read_positive(part)
        if number is None:
            raise UserError("must be numbers above 0, separated by commas", key=option, value=part.strip() or repr(",".join(texts)))
        if number in numbers:
            raise UserError("is given twice", key=option, value=part.strip())
        numbers.append(number)
    return tuple(numbers)


def _read_positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
