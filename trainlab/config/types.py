"""The types of config values: what pydantic checks at the door, in words that the user reads.

Everything is strict: a bool is no number, "3" is no number, NaN and infinity are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

STRICT = ConfigDict(extra="forbid")

Flag = Annotated[bool, Field(strict=True)]
PositiveInt = Annotated[int, Field(ge=1, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)]
Beta = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)]


def one_of(choices: Iterable[str]) -> Any:
    """A string type whose values are the keys of a table that plain `Literal` cannot list."""
    names = tuple(choices)

    def check(value: Any) -> Any:
        if value not in names or not isinstance(value, str):
            raise PydanticCustomError("choice", "is none of the choices", {"choices": names})
        return value

    return Annotated[str, BeforeValidator(check), WithJsonSchema({"enum": list(names)})]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _check_widths(value: Any) -> Any:
    if _is_count(value):
        return value
    if isinstance(value, list | tuple) and value and all(map(_is_count, value)):
        return tuple(value)
    raise PydanticCustomError("widths", "must be a positive integer, or a list of them, one a hidden layer", {})


def _check_batch_size(value: Any) -> Any:
    if value is None or value == "full":
        return None
    if _is_count(value):
        return value
    raise PydanticCustomError("batch_size", "must be a positive integer, or null for the full batch", {})


def _check_betas(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) == 2 and all(_is_beta(beta) for beta in value):
        return tuple(map(float, value))
    raise PydanticCustomError("betas", "must be two numbers of at least 0 and below 1", {})


def _is_beta(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1


def tagged(tag: str, default: str | None = None) -> BeforeValidator:
    """`norm: batch` is short for `norm: {name: batch}`, null for `{name: none}`; a mapping without the tag means `default`."""

    def complete(value: Any) -> Any:
        if value is None:
            return {tag: "none"}
        if isinstance(value, str):
            return {tag: value}
        if isinstance(value, dict) and tag not in value and default is not None:
            return {tag: default, **value}
        return value

    return BeforeValidator(complete)


def check_names(value: Any) -> Any:
    """A list of strings, as a tuple."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise PydanticCustomError("names", "must be a list of names", {})


_POSITIVE_INT = {"type": "integer", "minimum": 1}
Widths = Annotated[
    int | tuple[int, ...],
    BeforeValidator(_check_widths),
    WithJsonSchema({"anyOf": [_POSITIVE_INT, {"type": "array", "items": _POSITIVE_INT, "minItems": 1}]}),
]
BatchSize = Annotated[
    int | None,
    BeforeValidator(_check_batch_size),
    WithJsonSchema({"anyOf": [_POSITIVE_INT, {"type": "null"}, {"const": "full"}]}),
]
Betas = Annotated[
    tuple[float, float],
    BeforeValidator(_check_betas),
    WithJsonSchema({"type": "array", "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "minItems": 2, "maxItems": 2}),
]
Names = Annotated[
    tuple[str, ...], BeforeValidator(check_names), WithJsonSchema({"type": "array", "items": {"type": "string", "minLength": 1}})
]
