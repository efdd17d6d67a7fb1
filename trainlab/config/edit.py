"""A config file changed in place: what a patch sets is new, comments and order stay as the user wrote them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainlab.config.config import Config
from trainlab.config.load import load
from trainlab.config.validate import to_values, validate
from trainlab.errors import UserError

TAGS = ("name", "kind", "mode")
ENDLESS = 100_000  # columns: no line of the user's is broken


def edit(path: Path, config: Config) -> str:
    """The text of the file at `path`, changed where it must be to mean `config`.

    A setting that is new is written as short as it can be: what is the default is left out.

    Args:
        path: a config file that can be loaded.
        config: what the text has to mean.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.util import load_yaml_guess_indent

    text = path.read_text(encoding="utf-8-sig")
    _, indent, offset = load_yaml_guess_indent(text)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = ENDLESS
    yaml.indent(mapping=_guess_mapping(text), sequence=indent or 2, offset=offset or 0)
    document = yaml.load(text)
    plain = load(path).values
    old, new = to_values(validate(plain)), to_values(config)
    _change(document, plain, old, new, plain)
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _guess_mapping(text: str) -> int:
    """By how many spaces a section is indented: as the first one is."""
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        if indent and line.strip() and not line.lstrip().startswith(("#", "-")):
            return indent
    return 2


def _change(node: Any, plain: dict[str, Any], old: Mapping[str, Any], new: Mapping[str, Any], whole: dict[str, Any]) -> None:
    """Change a section of the document, and the same of its plain values, from `old` to `new`; `whole` are all plain values."""
    for key, value in new.items():
        if key in old and old[key] == value:
            continue
        below = plain.get(key)
        if (
            isinstance(below, dict)
            and isinstance(value, Mapping)
            and isinstance(old.get(key), Mapping)
            and _same_kind(old[key], value)
        ):
            _change(node[key], below, old[key], value, whole)
        else:
            _set(node, plain, key, value, whole)
    for key in [key for key in old if key not in new and key in plain]:
        del node[key], plain[key]


def _same_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(old.get(tag) == new.get(tag) for tag in TAGS)


def _set(node: Any, plain: dict[str, Any], key: str, value: Any, whole: dict[str, Any]) -> None:
    """Set one key to the shortest value that means the same."""
    if isinstance(value, Mapping):
        value = dict(value)
        for name in [name for name in value if name not in TAGS]:
            shorter = {other: setting for other, setting in value.items() if other != name}
            if _means_the_same(plain, key, value, shorter, whole):
                value = shorter
        if len(value) == 1 and _means_the_same(plain, key, value, only := next(iter(value.values())), whole):
            value = only
    plain[key] = value
    node[key] = _flow(value)


def _means_the_same(plain: dict[str, Any], key: str, value: Any, shorter: Any, whole: dict[str, Any]) -> bool:
    before = plain.get(key)
    had = key in plain
    try:
        plain[key] = value
        meant = validate(whole)
        plain[key] = shorter
        return validate(whole) == meant
    except UserError:
        return False
    finally:
        if had:
            plain[key] = before
        else:
            plain.pop(key, None)


def _flow(value: Any) -> Any:
    """Mappings and lists on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, Mapping):
        node: Any = CommentedMap((key, _flow(item)) for key, item in value.items())
    elif isinstance(value, list):
        node = CommentedSeq(map(_flow, value))
    else:
        return value
    node.fa.set_flow_style()
    return node
