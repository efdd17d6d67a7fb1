"""What may stand where in a config, read off the dataclasses once: sections, their kinds, the keys of each kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from trainlab.config.types import OneOf, Short, Tagged


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the config with keys of its own.

    Attributes:
        tag: the key that tells its kinds apart (`name`, `kind` or `mode`); None if there is one kind only.
        kinds: the dataclass of each kind by the value of the tag; of a section without a tag, by the empty string.
        default: the kind that a mapping without the tag means.
        keeps_defaults: see `Tagged`.
        short: the key that a value alone stands for; None if it must be a mapping.
    """

    tag: str | None
    kinds: Mapping[str, type]
    default: str = ""
    keeps_defaults: bool = True
    short: str | None = None

    @property
    def is_union(self) -> bool:
        """More than one dataclass: pydantic then names the kind in the places it reports."""
        return len(set(self.kinds.values())) > 1

    def find_kind(self, values: Any) -> str | None:
        """Which kind `values` (a mapping, a name, or None) is; None if there is no such kind."""
        if self.tag is None:
            return ""
        if isinstance(values, Mapping):
            values = values.get(self.tag, self.default)
        elif values is None:
            values = self.default
        return values if isinstance(values, str) and values in self.kinds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a dataclass.

    Attributes:
        annotation: its type, with what pydantic reads from it.
        default: a callable that makes its default; None if it must be given.
        section: what stands below it, if it is a section.
        choices: the texts it may be, if that is a closed list.
        is_free: it is a mapping whose keys the config does not prescribe.
        may_be_null: null is a value of its type.
    """

    annotation: Any
    default: Any
    section: Section | None
    choices: tuple[str, ...]
    is_free: bool
    may_be_null: bool


@cache
def list_keys_of(kind: type) -> dict[str, Key]:
    """The keys of one dataclass, in the order in which they are declared."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: _describe(field, hints[field.name]) for field in dataclasses.fields(kind)}


def _describe(field: dataclasses.Field[Any], annotation: Any) -> Key:
    inner, metadata = (annotation.__origin__, annotation.__metadata__) if get_origin(annotation) is Annotated else (annotation, ())
    kinds = [kind for kind in _list_members(inner) if dataclasses.is_dataclass(kind) and isinstance(kind, type)]
    tagged = next((item for item in metadata if isinstance(item, Tagged)), None)
    section = None
    if tagged is not None:
        by_tag = {value: kind for kind in kinds for value in get_args(get_type_hints(kind)[tagged.tag])}
        section = Section(tag=tagged.tag, kinds=by_tag, default=tagged.default, keeps_defaults=tagged.keeps_defaults)
    elif kinds:
        short = next((item.key for item in metadata if isinstance(item, Short)), None)
        section = Section(tag=None, kinds={"": kinds[0]}, short=short)
    default: Any = None
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory
    elif field.default is not dataclasses.MISSING:
        value = field.default
        default = lambda: value  # noqa: E731  # a value and a factory are then read alike
    choices = next((item.choices for item in metadata if isinstance(item, OneOf)), ())
    for member in _list_members(inner):
        if get_origin(member) is Literal:
            choices = get_args(member)
    return Key(
        annotation=annotation,
        default=default,
        section=section,
        choices=choices,
        is_free=get_origin(inner) is dict,
        may_be_null=type(None) in _list_members(inner),
    )


def _list_members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def walk_keys(kind: type, values: Mapping[str, Any] | None = None, prefix: str = "") -> Iterator[tuple[str, Key]]:
    """Every dotted key below `kind`, sections before what stands in them.

    Args:
        kind: the dataclass to start at.
        values: whose kinds to follow; None follows every kind, so that a key may come more than once.
        prefix: what to write before each key, with its dot.
    """
    for name, key in list_keys_of(kind).items():
        yield f"{prefix}{name}", key
        if key.section is None:
            continue
        if values is None:
            for each in dict.fromkeys(key.section.kinds.values()):
                yield from walk_keys(each, None, f"{prefix}{name}.")
            continue
        below = values.get(name)
        found = key.section.find_kind(below)
        is_name = isinstance(below, str) and found is not None and list(list_keys_of(key.section.kinds[found])) == [key.section.tag]
        if found is not None and not is_name:  # below a name that is all there is to say, nothing can be set
            yield from walk_keys(key.section.kinds[found], below if isinstance(below, Mapping) else {}, f"{prefix}{name}.")
