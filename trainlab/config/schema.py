"""The config file as JSON Schema, for editors: what may stand where, what it means, what it is by default."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

from pydantic import TypeAdapter

from trainlab.config.config import Config
from trainlab.config.sections import Key, Section, list_keys_of
from trainlab.config.types import Setting
from trainlab.config.validate import to_plain


def build_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a config file.

    Every file that `validate` takes satisfies it. It cannot say all that `validate` checks: settings that contradict each other.
    """
    definitions: dict[str, Any] = {}
    config = _describe_kind(Config, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **config,
        "title": "trainlab config",
        "$defs": dict(sorted(definitions.items())),
    }


def _describe_kind(kind: type, definitions: dict[str, Any], optional_tag: str | None = None) -> dict[str, Any]:
    """One dataclass as an object; the sections below it go into `definitions`."""
    description, meanings = _read_docstring(kind)
    keys = list_keys_of(kind)
    return {
        "title": kind.__name__,
        "description": description,
        "type": "object",
        "properties": {name: _describe_key(key, meanings.get(name), definitions) for name, key in keys.items()},
        "required": [name for name, key in keys.items() if key.default is None and name != optional_tag],
        "additionalProperties": False,
    }


def _describe_key(key: Key, meaning: str | None, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _describe_section(key.section, definitions) if key.section else TypeAdapter(key.annotation).json_schema()
    schema.pop("title", None)
    if meaning:
        schema["description"] = meaning
    if key.default is not None:
        default = key.default()
        schema["default"] = to_plain(dataclasses.asdict(default) if isinstance(default, Setting) else default)
    return schema


def _describe_section(section: Section, definitions: dict[str, Any]) -> dict[str, Any]:
    shapes: list[dict[str, Any]] = []
    # A name alone stands for a kind all of whose settings have defaults.
    short = [name for name, kind in section.kinds.items() if name and not _list_required(kind, section.tag)]
    if short:
        shapes.append({"enum": short})
    if section.short:
        shapes.append(TypeAdapter(list_keys_of(section.kinds[section.default])[section.short].annotation).json_schema())
    for kind in dict.fromkeys(section.kinds.values()):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = _describe_tagged(kind, section, definitions)
        shapes.append({"$ref": f"#/$defs/{kind.__name__}"})
    return {"anyOf": [*shapes, {"type": "null"}]}


def _describe_tagged(kind: type, section: Section, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _describe_kind(kind, definitions, section.tag)
    if section.tag and section.kinds[section.default] is not kind:
        # Without the tag it would be the default kind.
        schema["required"] = [section.tag, *schema["required"]]
        schema["properties"][section.tag].pop("default", None)
    return schema


def _list_required(kind: type, tag: str | None) -> list[str]:
    return [name for name, key in list_keys_of(kind).items() if key.default is None and name != tag]


def _read_docstring(kind: type) -> tuple[str, dict[str, str]]:
    """What a docstring says of the class, and of each of its attributes; of what it does not name, the classes it inherits from."""
    meanings: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        _, _, attributes = inspect.cleandoc(each.__doc__ or "").partition("\n\nAttributes:\n")
        entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, flags=re.MULTILINE)
        meanings |= {name: " ".join(meaning.split()) for name, meaning in entries}
    text = inspect.cleandoc(kind.__doc__ or "").partition("\n\nAttributes:\n")[0]
    return " ".join(text.split()), meanings
