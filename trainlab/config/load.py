"""YAML text to plain nested data, and the line of every key: YAML 1.2 scalars, nothing that could surprise.

The values are built straight from the parser's events, without recursion and without objects of YAML's own, so that depth,
anchors and tags are refused before anything is made of them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from trainlab.errors import UserError, find_nearest

MAX_BYTES = 1_000_000
MAX_DEPTH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A config file as read.

    Attributes:
        values: plain nested data.
        sources: `file:line` by dotted key (`model.layers`, `model.modules.0`); the empty key is the file itself.
    """

    values: dict[str, Any]
    sources: dict[str, str]


def load(path: str | Path) -> Document:
    """Read a config file; its values are not validated yet.

    Raises:
        UserError: it cannot be read, or is not one YAML mapping of at most 1 MB and 50 levels.
    """
    text = _read(Path(path))
    try:
        values, lines = _build(text)
    except _RefusedError as refused:
        raise UserError(refused.message, key=refused.key, source=f"{path}:{refused.line}") from None
    if values is None:
        raise UserError("the file is empty", source=str(path))
    if not isinstance(values, dict):
        raise UserError("must hold a mapping of sections (`model:`, `data:`, ...)", source=f"{path}:{lines['']}")
    return Document(values=values, sources={key: f"{path}:{line}" for key, line in lines.items()})


def parse_value(text: str, source: str | None = None) -> Any:
    """One YAML value as given on the command line: `0.1`, `relu`, `[8, 8]`, `{name: constant, value: 1}`.

    Raises:
        UserError: it is not one YAML value; `source` says where it stands.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise UserError("must be at most 1 MB", source=source)
    try:
        return _build(text)[0]
    except _RefusedError as refused:
        raise UserError(refused.message, key=refused.key, source=source) from None


def list_configs() -> list[str]:
    """The names of the configs that come with the program, sorted."""
    return sorted(_find_shipped())


def find_config(name: str | Path) -> Path:
    """The file that `name` means: a path, or a config that comes with the program (`gradients`, `configs/gradients.yaml`).

    Raises:
        UserError: there is neither.
    """
    path = Path(name)
    if os.path.isfile(path):
        return path
    shipped = _find_shipped()
    stem = path.stem if path.suffix in (".yaml", ".yml") else path.name
    if stem in shipped and str(path.parent) in (".", "configs"):
        return shipped[stem]
    if os.path.exists(path) and str(name):
        return path  # a directory or a pipe: reading it tells what is the matter, if anything
    raise UserError(
        "there is no such file, and no config of that name comes with the program",
        value=json.dumps(str(name), ensure_ascii=False),
        choices=tuple(sorted(shipped)),
        nearest=find_nearest(stem, shipped),
    )


def _find_shipped() -> dict[str, Path]:
    package = Path(__file__).parent.parent
    # In a wheel they lie inside the package, in the repository beside it.
    folders = [package.parent / "configs", package / "configs"]
    return {path.stem: path for folder in folders for path in folder.glob("*.yaml")}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError("there is no such file", source=str(path)) from None
    except IsADirectoryError:
        raise UserError("is a directory, not a file", source=str(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(f"cannot be read: {reason[:1].lower()}{reason[1:]}", source=str(path)) from None
    if len(data) > MAX_BYTES:
        raise UserError("must be at most 1 MB", source=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("must be text in UTF-8", source=f"{path}:{line}") from None


class _RefusedError(Exception):
    """Something in the text that is not allowed: what, in which line, at which dotted key."""

    def __init__(self, message: str, line: int, key: str = "") -> None:
        super().__init__(message)
        self.message, self.line, self.key = message, line, key


@dataclass(slots=True)
class _Open:
    """A mapping or list that is not finished yet: its dotted key, what it holds, and the key whose value comes next."""

    path: str
    holds: dict[str, Any] | list[Any]
    lines: dict[str, int] = field(default_factory=dict)
    key: str | None = None

    def take(self, value: Any, line: int) -> tuple[str, int] | None:
        """Take in a value, or the key of one; returns the value's dotted key and line, None for a key."""
        if isinstance(self.holds, list):
            self.holds.append(value)
            return _join(self.path, str(len(self.holds) - 1)), line
        if self.key is not None:
            key, self.key = self.key, None
            self.holds[key] = value
            return _join(self.path, key), self.lines[key]
        if not isinstance(value, str):
            raise _RefusedError("a key must be text; put it in quotes if it is meant to be", line, self.path)
        if value in self.lines:
            raise _RefusedError(f"is set twice, first in line {self.lines[value]}", line, _join(self.path, value))
        self.key = value
        self.lines[value] = line
        return None


def _build(text: str) -> tuple[Any, dict[str, int]]:
    """The value that `text` holds, and the line of each dotted key.

    Raises:
        _RefusedError: it is not one YAML document of plain data.
    """
    root: Any = None
    lines: dict[str, int] = {}
    stack: list[_Open] = []
    for event, line in _parse(text):
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
            continue
        opened = None if isinstance(event, yaml.ScalarEvent) else _make_empty(event)
        value = _resolve(event, line) if isinstance(event, yaml.ScalarEvent) else opened
        place = stack[-1].take(value, line) if stack else ("", line)
        if place is None:
            continue
        # A key with a dot in it may collide with a nested one; the line of either will do.
        lines.setdefault(*place)
        if not stack:
            root = value
        if opened is not None:
            stack.append(_Open(place[0], opened))
            if len(stack) > MAX_DEPTH:
                raise _RefusedError(f"must not be nested deeper than {MAX_DEPTH} levels", line)
    return root, lines


def _make_empty(event: yaml.Event) -> dict[str, Any] | list[Any]:
    return {} if isinstance(event, yaml.MappingStartEvent) else []


_ANCHORS = "anchors and aliases (&name, *name) are not allowed; put text that starts so in quotes"
_TAGS = "tags (!name) are not allowed; put text that starts so in quotes"


def _parse(text: str) -> Iterator[tuple[yaml.Event, int]]:
    """The events of the one document in `text` that carry values, each with its line."""
    documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _RefusedError("must hold one document; here a second one starts", line)
            elif isinstance(event, yaml.NodeEvent):
                if event.anchor is not None:  # of an alias, the name it refers to
                    raise _RefusedError(_ANCHORS, line)
                if getattr(event, "tag", None) is not None:
                    raise _RefusedError(_TAGS, line)
                yield event, line
            elif isinstance(event, yaml.CollectionEndEvent):
                yield event, line
    except yaml.reader.ReaderError as error:
        raise _RefusedError("control characters are not allowed", text.count("\n", 0, error.position) + 1) from None
    except yaml.MarkedYAMLError as error:
        raise _explain(error) from None
    except (yaml.YAMLError, ValueError, OverflowError):  # an escape beyond Unicode: "\UFFFFFFFF"
        raise _RefusedError("is not valid YAML", 1) from None


def _explain(error: yaml.MarkedYAMLError) -> _RefusedError:
    line = getattr(error.problem_mark, "line", 0) + 1
    context, problem = error.context or "", error.problem or ""
    if context.endswith((" alias", " anchor")):  # `*.bias`, which starts like an alias but is none
        return _RefusedError(_ANCHORS, line)
    if context.endswith(" tag"):
        return _RefusedError(_TAGS, line)
    if "'\\t'" in problem:
        return _RefusedError("must be indented with spaces, not tabs", line)
    return _RefusedError(f"is not valid YAML: {', '.join(part for part in (context, problem) if part)}", line)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


# The core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema). PyYAML's own is that of 1.1, where `1e-3` is text
# and `no` is false.
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INF_OR_NAN = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _resolve(event: yaml.ScalarEvent, line: int) -> str | int | float | bool | None:
    text: str = event.value
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _RefusedError("half of a surrogate pair is not a character", line)
    if not event.implicit[0]:  # in quotes, or a block
        return text
    if text in _NULL:
        return None
    return _BOOL[text] if text in _BOOL else _resolve_number(text, line)


def _resolve_number(text: str, line: int) -> str | int | float:
    if _INT.fullmatch(text):
        # 64 bits hold every whole number that a config can mean; Python would refuse to read or print the longest.
        number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if len(text) <= 64 else 2**63
        if not -(2**63) <= number < 2**63:
            raise _RefusedError("a whole number must fit into 64 bits", line)
        return number
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _INF_OR_NAN.fullmatch(text) else text
