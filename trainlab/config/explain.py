"""What pydantic found, in the user's words: the dotted key as it is written, what may stand there, the nearest spelling."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from trainlab.config.config import Config
from trainlab.config.load import parse_value
from trainlab.config.sections import Key, Section, list_keys_of, walk_keys
from trainlab.config.write import shorten_value
from trainlab.errors import Problem, UserError, find_nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def explain(details: ErrorDetails, values: Any) -> Problem:
    """One of pydantic's findings about `values` as a Problem, not located yet."""
    path, key, value = _strip_kinds(details["loc"], values)
    dotted = ".".join(path)
    choices: tuple[str, ...] = ()
    match details["type"]:
        case "unexpected_keyword_argument" | "invalid_key":
            return explain_unknown(path, values)
        case "union_tag_invalid" | "literal_error":
            return _explain_choice(dotted, key, value)
        case "missing":
            return Problem(key=dotted, message="is required")
        case "refused":
            message, name = details["ctx"]["text"], details["ctx"]["field"]
            if name:
                dotted, value = f"{dotted}.{name}" if dotted else name, value.get(name) if isinstance(value, Mapping) else None
                if value is None:  # what contradicts is a default: the file has no value to show
                    return Problem(key=dotted, message=message)
        case "too_short":
            message = "must not be empty"
        case "list_type":
            message = "must be a list"
        case "dataclass_type" | "model_attributes_type":
            choices = tuple(key.section.kinds) if key and key.section and key.section.tag else ()
            message = "must be a mapping of settings, or a name" if choices else "must be a mapping of settings"
        case _:
            wanted = "" if key is None else _describe_type(key)
            message = f"must be {wanted}{_explain_type(value, wanted)}" if wanted else details["msg"]
    return Problem(key=dotted, message=message, value=shorten_value(value), choices=choices)


def explain_unknown(path: tuple[str, ...], values: Any) -> Problem:
    """What is wrong with a key that its section does not know; `path` ends with that key."""
    *above, name = path
    key = ".".join(path)
    section, found, kind = _follow(above, values)
    if section is not None and section.tag is not None:
        others = [other for other, each in section.kinds.items() if name in list_keys_of(each)]
        if others:
            tag = ".".join([*above, section.tag])
            have = f"`{others[0]}` has" if len(others) == 1 else f"{_enumerate(f'`{other}`' for other in others)} have"
            return Problem(key=key, message=f"`{found}` has no `{name}`; {have} it: set `{tag}`")
    everywhere = [each for each, _ in walk_keys(Config, values if isinstance(values, Mapping) else {})]
    if key in everywhere:
        inner, outer = name.rpartition(".")[::2][::-1]
        return Problem(key=key, message=f"must be nested in a file: `{inner}:` below `{outer}:`")
    nearest = find_nearest(name, list_keys_of(kind))
    nearest = find_nearest_key(key, everywhere) if nearest is None else ".".join([*above, nearest])
    message = f"`{found}` has no `{name}`" if found else "is not a setting"
    return Problem(key=key, message=message, nearest=nearest, choices=() if nearest else tuple(list_keys_of(kind)))


def find_nearest_key(key: str, keys: Iterable[str]) -> str | None:
    """The dotted key that `key` most likely means: one that ends the same, or nearly so, wherever it stands."""
    by_last: dict[str, list[str]] = {}
    for each in dict.fromkeys(keys):
        by_last.setdefault(each.rpartition(".")[2], []).append(each)
    last = key.rpartition(".")[2]
    same = by_last.get(last) or by_last.get(find_nearest(last, by_last) or "") or []
    return find_nearest(key, same) or (same[0] if same else None)


def _follow(path: Iterable[str], values: Any) -> tuple[Section | None, str | None, type]:
    """The section that `path` leads to, its kind by name and its dataclass; None and the Config itself for an empty path."""
    section: Section | None = None
    found: str | None = None
    kind: type = Config
    for part in path:
        section = list_keys_of(kind)[part].section
        if section is None:
            raise ValueError(f"{part} is no section")
        values = values.get(part) if isinstance(values, Mapping) else None
        found = section.find_kind(values)
        kind = section.kinds[found or section.default]
    return section, found, kind


def _strip_kinds(loc: tuple[int | str, ...], values: Any) -> tuple[tuple[str, ...], Key | None, Any]:
    """A place as pydantic reports it, without the kinds it puts between; what may stand there; what the user wrote there."""
    path: list[str] = []
    kind: type | None = Config
    key: Key | None = None
    section: Section | None = None
    parts = list(loc)
    while parts:
        part = parts.pop(0)
        is_short = section is not None and (
            (isinstance(values, str) and part == section.tag) or (not isinstance(values, Mapping) and part == section.short)
        )
        if not is_short:
            path.append(str(part))
        key = list_keys_of(kind).get(str(part)) if kind else None
        kind = None
        if isinstance(values, Mapping):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part]
        # else: a short form such as `norm: batch`; what the user wrote stands in the section's place
        section = key.section if key is not None else None
        if section is not None and parts:
            found = str(parts.pop(0)) if section.is_union else section.find_kind(values)
            kind = section.kinds[found or section.default]
    return tuple(path), key, values


def _explain_choice(dotted: str, key: Key | None, value: Any) -> Problem:
    choices: tuple[str, ...] = ()
    if key is not None and key.section is not None:
        choices = tuple(key.section.kinds)
        if isinstance(value, Mapping) and key.section.tag:
            dotted, value = f"{dotted}.{key.section.tag}", value.get(key.section.tag)
    elif key is not None:
        choices = key.choices
    nearest = find_nearest(value.lower().replace("-", "_"), choices) if isinstance(value, str) else None
    return Problem(key=dotted, message="is none of the choices", value=shorten_value(value), choices=choices, nearest=nearest)


_NOUNS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _describe_type(key: Key) -> str:
    """What may stand there in plain words: `a whole number of at least 1, or null`; empty if there are no words for it."""
    types, limits = _take_apart(key.annotation)
    noun = next((word for each, word in _NOUNS.items() if each in types), "")
    bounds = []
    for limit in limits:
        match limit:
            case Ge(ge):
                bounds.append(f"of at least {ge}")
            case Gt(gt):
                bounds.append(f"above {gt}")
            case Le(le):
                bounds.append(f"of at most {le}")
            case Lt(lt):
                bounds.append(f"below {lt}")
    null = ", or null" if noun and key.may_be_null else ""
    return f"{noun} {' and '.join(bounds)}".strip() + null


def _take_apart(annotation: Any) -> tuple[set[Any], list[Any]]:
    """The types that an annotation is made of, and the limits set on them."""
    types: set[Any] = {annotation}
    limits = [limit for item in getattr(annotation, "__metadata__", ()) if isinstance(item, FieldInfo) for limit in item.metadata]
    for member in getattr(annotation, "__args__", ()):
        more, further = _take_apart(member)
        types |= more
        limits += further
    return types, limits


def _explain_type(value: Any, wanted: str) -> str:
    """Why a value that looks right is not: `, not text: write 0.1`."""
    if isinstance(value, str):
        meant = _read_as(value, wanted)
        return ", not text" if meant is None else f", not text: write {shorten_value(meant)}"
    if isinstance(value, float) and value.is_integer() and "whole" in wanted:
        return f": write {int(value)}"
    nouns = {"true or false": bool, "a list": list | tuple, "a mapping": Mapping}
    noun = next((noun for noun, kind in nouns.items() if isinstance(value, kind)), None)
    return f", not {noun}" if noun else ""


def _read_as(text: str, wanted: str) -> bool | int | float | None:
    """The number or boolean that a text was probably meant to be."""
    if wanted.startswith("true"):
        return {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}.get(text.strip().lower())
    try:
        meant = parse_value(text.strip().replace("_", ""))
    except UserError:
        return None
    is_number = isinstance(meant, int | float) and not isinstance(meant, bool) and math.isfinite(meant)
    return meant if is_number else None


def _enumerate(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
