"""How numbers and other plain values read in running text: four significant digits, the same everywhere."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

DIGITS = 4
NOTHING = "-"


def to_plain(value: Any) -> Any:
    """A numpy scalar or array as Python numbers and lists; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def format_number(value: float | None, digits: int | None = None) -> str:
    """`2.999e-20`, `0.1481`, `1.0`, `200`, `nan`, `-inf`; `-` for None; `0` only for an exact zero.

    With `digits`, that many significant ones even if the last are zeros.
    """
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value == 0:
        return "0"
    digits = digits or count_digits(value)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if not -4 < power < 6:
        return f"{mantissa}e{power}" if digits > 1 else f"{mantissa}.0e{power}"
    return f"{value:.{max(digits - 1 - power, 1 if power < DIGITS - 1 else 0)}f}"


def format_column(values: Sequence[float | None]) -> list[str]:
    """Numbers that stand under each other: all with as many significant digits as the one that needs most."""
    digits = max((count_digits(value) for value in values if isinstance(value, float) and math.isfinite(value)), default=1)
    return [format_number(value, digits) for value in values]


def count_digits(value: float) -> int:
    """How many significant digits there are to show: `DIGITS`, or fewer if the rest are zeros."""
    return max(len(f"{abs(value):.{DIGITS - 1}e}".split("e")[0].replace(".", "").rstrip("0")), 1)


def format_signed(value: float | None) -> str:
    """As `format_number`, with a plus before what is above zero."""
    text = format_number(value)
    return f"+{text}" if value is not None and value > 0 else text


def format_percent(share: float | None) -> str:
    """A share of 1 as `88.2 %`."""
    if share is None or not math.isfinite(share):
        return format_number(share)
    return f"{100 * share:.1f} %"


def format_value(value: Any) -> str:
    """Any plain value as one line of text."""
    value = to_plain(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, int | float):
        return format_number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {format_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(format_value, value))}]"
    return str(value)


def format_options(patch: Mapping[str, Any]) -> str:
    """A patch as options to paste into a shell: `--set model.activation=relu --set 'model.init={name: he_normal}'`."""
    from trainlab.config.write import format_value as format_setting  # pydantic stands behind it; most reports need none

    return " ".join(f"--set {shlex.quote(f'{key}={format_setting(to_plain(value))}')}" for key, value in patch.items())


def count(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
