"""Plain values as YAML text that `trainlab.config.load` reads back to the same values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from trainlab.config.load import parse_value
from trainlab.errors import UserError

# Text without any of YAML's signs: what is left to ask is whether it reads as a number, a boolean or null.
_PLAIN = re.compile(r"[A-Za-z0-9_./+-]([A-Za-z0-9_./+ -]*[A-Za-z0-9_./+-])?")
_LONG = 60


def format_value(value: Any) -> str:
    """A value on one line: `null`, `true`, `0.1`, `relu`, `"0.1"`, `[8,8]`, `{name: constant,value: 1.0}`."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return _format_number(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{format_value(key)}: {format_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(format_value, value)) + "]"
    return _format_text(str(value))


def shorten_value(value: Any) -> str:
    """`format_value`, cut to what fits into a message."""
    try:
        text = format_value(value)
    except ValueError:  # Python does not print whole numbers of more than 4300 digits
        return "a very long number"
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


def format_sections(values: Mapping[str, Any]) -> str:
    """A whole config file: one line for each setting, lists and empty mappings on that line."""
    return "".join(f"{line}\n" for line in _format_lines(values, ""))


def _format_lines(values: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{indent}{format_value(key)}:", *_format_lines(value, f"{indent}  ")]
        else:
            lines.append(f"{indent}{format_value(key)}: {format_value(value)}")
    return lines


def _format_number(number: float) -> str:
    if isinstance(number, int) or math.isfinite(number):
        return repr(number)
    return ".nan" if math.isnan(number) else (".inf" if number > 0 else "-.inf")


def _format_text(text: str) -> str:
    if _PLAIN.fullmatch(text):
        try:
            if parse_value(text) == text:
                return text
        except UserError:
            pass
    quoted = json.dumps(text, ensure_ascii=False)
    # JSON leaves as they are some characters that YAML does not print, or takes for a line break.
    return re.sub(r"[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]", lambda match: f"\\u{ord(match[0]):04x}", quoted)
