"""The types of config values: what pydantic checks at the door, in words that the user reads.

Everything is strict: a bool is no number, "3" is no number, NaN and infinity are refused.
"""

from __future__ import annotations

import operator
import re
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Union, get_args

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema


class Setting:
    """What the dataclasses of the config share: equal where type and values are.

    Said here once, because to write these methods for each of sixty classes takes longer than to read a config.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]
    __pydantic_config__ = ConfigDict(extra="forbid")

    def _list_values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._list_values() == other._list_values()

    def __hash__(self) -> int:
        try:
            return hash((type(self), self._list_values()))
        except TypeError:  # arguments of a target, weights of classes
            return hash(type(self))


Flag = Annotated[bool, Field(strict=True)]
PositiveInt = Annotated[int, Field(ge=1, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)]
Beta = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)]
ProperShare = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False, strict=True)]
UpToOne = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]


@dataclass(frozen=True, slots=True)
class OneOf:
    """A string that is one of `choices`: for a table that plain `Literal` cannot list."""

    choices: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.literal_schema(list(self.choices))


WORDS: ContextVar[frozenset[str] | None] = ContextVar("WORDS", default=None)
"""While a validator is made: the words of the values it is for, so that kinds which they do not name are left out; None for all."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A section of several kinds, told apart by the key `tag`.

    `norm: batch` is short for `norm: {name: batch}`; a mapping without the tag means `default`, and so does null, so that a
    section whose lines are all commented out is a section left out.

    Attributes:
        keeps_defaults: when a patch names another kind, a setting that both have stays, even one that was left at its default.
    """

    tag: str
    default: str
    keeps_defaults: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        words = WORDS.get()
        kinds = [kind for kind in get_args(source) if words is None or self._may_be(kind, words)]
        if len(kinds) > 1:
            schema = handler.generate_schema(Annotated[Union[tuple(kinds)], Discriminator(self.tag)])  # noqa: UP007  # made at run time
        else:
            schema = handler.generate_schema(kinds[0] if kinds else source)

        def complete(value: Any) -> Any:
            if value is None:
                return {self.tag: self.default}
            if isinstance(value, str):
                return {self.tag: value}
            if isinstance(value, dict) and self.tag not in value:
                return {self.tag: self.default, **value}
            return value

        return core_schema.no_info_before_validator_function(complete, schema)

    def _may_be(self, kind: Any, words: frozenset[str]) -> bool:
        """Whether one of the words, or the default, is a tag of this kind, by the text of its annotation."""
        tags = re.findall(r"[\w.-]+", str(kind.__dataclass_fields__[self.tag].type))
        return not (words | {self.default}).isdisjoint(tags)


@dataclass(frozen=True, slots=True)
class Short:
    """A section of one kind that a value alone stands for, as in `early_stopping: 10` for `early_stopping: {patience: 10}`.

    Null leaves every setting at its default.

    Attributes:
        key: which setting the value is.
    """

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def complete(value: Any) -> Any:
            return value if isinstance(value, dict) else {} if value is None else {self.key: value}

        return core_schema.no_info_before_validator_function(complete, handler.generate_schema(source))


def _to_empty(value: Any) -> Any:
    return {} if value is None else value


# A section of one kind: null (all its lines commented out) leaves every setting at its default.
OR_EMPTY = BeforeValidator(_to_empty)


def refuse(message: str, field: str = "") -> PydanticCustomError:
    """What a check raises, in words that the user reads as they are.

    Args:
        message: a phrase, as in `Problem`.
        field: for the `__post_init__` of a dataclass, where settings contradict each other, which of them to name.
    """
    return PydanticCustomError("refused", "{text}", {"text": message, "field": field})


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _check_widths(value: Any) -> Any:
    if _is_count(value):
        return value
    if isinstance(value, list | tuple) and value and all(map(_is_count, value)):
        return tuple(value)
    raise refuse("must be a whole number of at least 1, or a list of them, one a hidden layer")


def _check_batch_size(value: Any) -> Any:
    if value is None or value == "full":
        return None
    if _is_count(value):
        return value
    raise refuse("must be a whole number of at least 1, or null for the full batch")


def _check_betas(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) == 2 and all(_is_beta(beta) for beta in value):
        return tuple(map(float, value))
    raise refuse("must be two numbers of at least 0 and below 1")


def _is_beta(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1


def _check_boundaries(value: Any) -> Any:
    if isinstance(value, list | tuple) and value and all(map(_is_count, value)) and all(map(operator.lt, value, value[1:])):
        return tuple(value)
    raise refuse("must be a list of whole numbers of at least 1, each larger than the one before")


def _check_factors(value: Any) -> Any:
    if isinstance(value, list | tuple) and value and all(map(_is_factor, value)):
        return tuple(map(float, value))
    raise refuse("must be a list of numbers of at least 0")


def _is_factor(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max


def _check_names(value: Any) -> Any:
    """A list of strings, as a tuple."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise refuse("must be a list of names")


_TARGET = re.compile(r"(?:[^\W\d]\w*(?:\.[^\W\d]\w*)*|.+\.py):[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def _check_target(value: Any) -> Any:
    if isinstance(value, str) and _TARGET.fullmatch(value):
        return value
    raise refuse("must be a module or a file, and a name in it: `pkg.module:build` or `./net.py:Net`")


def _check_args(value: Any) -> Any:
    if value is None:
        return {}
    if isinstance(value, dict) and all(isinstance(key, str) and key.isidentifier() for key in value):
        return value
    raise refuse("must map the names of arguments to values, as in `{width: 64}`")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group(Setting):
    """Parameters that train at a multiple of the learning rate.

    Attributes:
        match: their names, a glob.
        lr_scale: the factor on the rate.
    """

    match: str
    lr_scale: float


def _check_groups(value: Any) -> Any:
    """A list of mappings, or of groups, as a tuple of groups."""
    groups = [_read_group(each) for each in value] if isinstance(value, list | tuple) else [None]
    if None in groups:
        raise refuse("must be a list of names and factors above 0 (`[{match: model.0.*, lr_scale: 0.1}]`)")
    return tuple(groups)


def _read_group(value: Any) -> Group | None:
    if isinstance(value, Group):
        return value
    if not isinstance(value, dict) or set(value) != {"match", "lr_scale"}:
        return None
    match, scale = value["match"], value["lr_scale"]
    return (
        Group(match=match, lr_scale=float(scale)) if isinstance(match, str) and match and _is_factor(scale) and scale > 0 else None
    )


_BETA = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
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
    WithJsonSchema({"type": "array", "items": _BETA, "minItems": 2, "maxItems": 2}),
]
Boundaries = Annotated[
    tuple[int, ...],
    BeforeValidator(_check_boundaries),
    WithJsonSchema({"type": "array", "items": _POSITIVE_INT, "minItems": 1, "uniqueItems": True}),
]
Factors = Annotated[
    tuple[float, ...],
    BeforeValidator(_check_factors),
    WithJsonSchema({"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1}),
]
Names = Annotated[
    tuple[str, ...], BeforeValidator(_check_names), WithJsonSchema({"type": "array", "items": {"type": "string", "minLength": 1}})
]
Target = Annotated[str, BeforeValidator(_check_target), WithJsonSchema({"type": "string", "pattern": r"^([\w.]+|.+\.py):[\w.]+$"})]
Args = Annotated[dict[str, Any], BeforeValidator(_check_args), WithJsonSchema({"type": ["object", "null"]})]
Groups = Annotated[
    tuple[Group, ...],
    BeforeValidator(_check_groups),
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "match": {"type": "string", "minLength": 1, "description": "Names of parameters, a glob."},
                    "lr_scale": {"type": "number", "exclusiveMinimum": 0, "description": "Factor on the learning rate."},
                },
                "required": ["match", "lr_scale"],
                "additionalProperties": False,
            },
        }
    ),
]
