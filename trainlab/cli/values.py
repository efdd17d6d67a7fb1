"""Option values that are lists."""

from __future__ import annotations

import math

from trainlab.errors import UserError


def parse_positive_numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    """`0.001,0.01` to numbers above 0; None if the option was not given.

    Raises:
        UserError: one of them is no such number, or stands there twice.
    """
    if text is None:
        return None
    numbers = []
    for part in text.split(","):
        try:
            number = float(part)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            raise UserError("must be numbers above 0, parted by commas", key=option, value=part.strip() or repr(text))
        if number in numbers:
            raise UserError("is given twice", key=option, value=part.strip())
        numbers.append(number)
    return tuple(numbers)
