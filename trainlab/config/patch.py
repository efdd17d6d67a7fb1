"""Patches: changes to a Config by dotted key, as `--set`, `--vs` and remedies write them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from trainlab.config.config import Config
from trainlab.config.explain import explain_unknown, find_nearest_key
from trainlab.config.load import parse_value
from trainlab.config.sections import Key, Section, list_keys_of, walk_keys
from trainlab.config.types import Setting
from trainlab.config.validate import to_plain, to_values, validate
from trainlab.config.write import format_value
from trainlab.errors import Problem, UserError, collect


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """A config with a patch applied.

    Attributes:
        config: the new config.
        dropped: dotted keys whose setting was lost because another `name`, `kind` or `mode` does not know them, or not with that
            value.
    """

    config: Config
    dropped: tuple[str, ...] = ()


def refuse_seed(keys: Iterable[str], source: str | None = None) -> list[Problem]:
    """The problem with a comparison that changes the seed; none if it does not."""
    message = "is what every run is repeated with, no change to compare: leave it out, --seeds N says how many"
    return [Problem(message=message, key=key, source=source) for key in keys if key == "seed"]


def parse_patch(text: str, source: str | None = None) -> dict[str, Any]:
    """Read `key=value[,key=value]`; a comma inside brackets or quotes belongs to the value.

    Raises:
        UserError: with every part that is not `key=value`, is given twice, or whose value is not YAML.
    """
    patch: dict[str, Any] = {}
    problems: list[Problem] = []
    for part in _split(text):
        key, sign, value = part.partition("=")
        key = key.strip()
        if not sign or not key:
            message = "must be `key=value`; a list goes in brackets: `key=[a,b]`"
            problems.append(Problem(message=message, value=repr(part), source=source))
        elif key in patch:
            problems.append(Problem(message="is given twice", key=key, source=source))
        else:
            try:
                patch[key] = parse_value(value, source)
            except UserError as error:
                patch[key] = None
                problems += [Problem(message=each.message, key=key, value=value, source=source) for each in error.problems]
    if problems:
        raise UserError(problems)
    return patch


def parse_values(text: str, source: str | None = None) -> tuple[str, list[Any]]:
    """Read `key=value,value,...`; a comma inside brackets or quotes belongs to the value.

    Raises:
        UserError: it is not of this form, or a value is not YAML.
    """
    key, sign, listed = text.partition("=")
    key = key.strip()
    if not sign or not key:
        raise UserError("must be `key=value,value,...`", value=repr(text), source=source)
    values: list[Any] = []
    problems: list[Problem] = []
    for part in _split(listed) if listed.strip() else ():
        try:
            values.append(parse_value(part, source))
        except UserError as error:
            problems += [Problem(message=each.message, key=key, value=part, source=source) for each in error.problems]
    if problems:
        raise UserError(problems)
    return key, values


def name_patch(patch: Mapping[str, Any]) -> str:
    """The patch as it would be typed, which is also the name of its run: `model.activation=relu,model.residual=true`."""
    return ",".join(f"{key}={format_value(value)}" for key, value in patch.items())


def list_keys(config: Config) -> list[str]:
    """Every dotted key that a patch of this config may set, sections included."""
    return [key for key, _ in walk_keys(Config, to_values(config))]


def apply_patch(config: Config, patch: Mapping[str, Any], source: str | None = None) -> Patched:
    """Change settings.

    A section may be set to a name (`model.norm=batch`, the same as `model.norm.name=batch`), or to a mapping, which replaces it.
    Another `name`, `kind` or `mode` keeps the settings that the new one has too and can have, and drops the others. Names, kinds
    and modes are set before all else, whatever their order in the patch.

    Args:
        config: the config to start from; it is left as it is.
        patch: values by dotted key.
        source: the option that set it, for messages.

    Raises:
        UserError: with every key that is not known and every value that is not valid.
    """
    values = to_values(config)
    dropped: list[str] = []
    problems: list[Problem] = []
    for key in _order(patch):
        with collect(problems):
            dropped += _set(values, tuple(key.split(".")), patch[key])
    with collect(problems):
        patched = validate(values)
    if problems:
        raise UserError(problems).located({"": source} if source else {})
    return Patched(config=patched, dropped=tuple(dropped))


_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*\"|'(?:[^']|'')*'""", re.DOTALL)


def _split(text: str) -> list[str]:
    """The parts of `text` between commas that stand in no brackets and no quotes."""
    parts = []
    start = place = depth = 0
    before = ""
    while place < len(text):
        character = text[place]
        # Quotes open only where a value may start; elsewhere they are apostrophes.
        quoted = _QUOTED.match(text, place) if before in "=[{,:" else None
        if quoted:
            place = quoted.end() - 1
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        elif character == "," and depth <= 0:
            parts.append(text[start:place])
            start = place + 1
        before = before if character.isspace() else character
        place += 1
    return [*parts, text[start:]]


def _order(patch: Mapping[str, Any]) -> list[str]:
    """Names, kinds and modes first, and sections before what stands in them; then the rest as given."""
    first = {key for key in patch if _is_tag(key) or any(other.startswith(f"{key}.") for other in patch)}
    return sorted(patch, key=lambda key: (key not in first, key.count(".") if key in first else 0))


def _is_tag(key: str) -> bool:
    """Whether the key is the name, kind or mode of a section, under any of the kinds that may stand above it."""
    *path, last = key.split(".")
    kinds: list[type] = [Config]
    tags: set[str | None] = set()
    for part in path:
        sections = [found.section for kind in kinds if (found := list_keys_of(kind).get(part)) and found.section]
        tags = {section.tag for section in sections}
        kinds = [kind for section in sections for kind in section.kinds.values()]
    return last in tags


def _set(values: dict[str, Any], path: tuple[str, ...], value: Any) -> list[str]:
    """Set one key in plain values, in place; returns the dotted keys that were dropped."""
    node = values
    kind: type = Config
    section: Section | None = None
    for depth, part in enumerate(path):
        key = list_keys_of(kind).get(part)
        is_last = depth == len(path) - 1
        if key is None or not (is_last or key.section or key.is_free):
            raise UserError(_explain_path(path, depth, values))
        if is_last:
            if section is not None and part == section.tag:
                return _switch(node, section, value, path[:-1])
            if key.section is not None and key.section.tag is not None and not isinstance(value, Mapping):
                return _switch(_open(node, part, key), key.section, value, path)
            if key.section is not None and key.section.short and not isinstance(value, Mapping):
                _open(node, part, key)[key.section.short] = to_plain(value)
                break
            node[part] = to_plain(value)
        elif key.section is None:
            # A kind that the patch has named first has no settings yet
            node[part] = node[part] if part in node else _to_plain_default(key)
            _set_free(node[part], path[depth + 1 :], value)
            break
        else:
            section, node = key.section, _open(node, part, key)
            found = section.find_kind(node)
            if found is None or not isinstance(node, dict):  # an earlier key of the patch set nothing valid: validation will tell
                break
            kind = section.kinds[found]
    return []


def _open(node: dict[str, Any], part: str, key: Key) -> Any:
    """What stands in a section, written out: an earlier key of the patch may have left it out, or given it in short."""
    section = key.section
    below = node[part] if part in node else _to_plain_default(key)
    if section is not None and section.tag is not None and not isinstance(below, Mapping):
        kind = section.find_kind(below)
        below = below if kind is None else {section.tag: kind}
    elif section is not None and section.short and not isinstance(below, Mapping):
        below = {} if below is None else {section.short: below}
    node[part] = below
    return below


def _switch(node: Any, section: Section, value: Any, path: tuple[str, ...]) -> list[str]:
    """Make a section another kind of itself, in place."""
    if not isinstance(node, dict):  # an earlier key of the patch set nothing valid: validation will tell
        return []
    old, new = section.find_kind(node), section.find_kind(value)
    node[section.tag or ""] = value if new is None else new
    if old is None or new is None:  # validation will tell
        return []
    known, before = list_keys_of(section.kinds[new]), list_keys_of(section.kinds[old])
    dropped = []
    for name in [name for name in node if name != section.tag and name in before]:
        key, setting = before[name], node[name]
        is_default = key.default is not None and _to_plain_default(key) == setting
        if name not in known or not _can_keep(key, known[name], setting):
            del node[name]
            if not is_default:  # to lose a default is no loss
                dropped.append(".".join([*path, name]))
        elif is_default and not section.keeps_defaults:
            del node[name]
    return dropped


def _can_keep(before: Key, now: Key, setting: Any) -> bool:
    """Whether a setting may stand at the key of the same name of another kind; one that was wrong before stays, to be told."""
    return now.annotation == before.annotation or _is_valid(now, setting) or not _is_valid(before, setting)


def _is_valid(key: Key, setting: Any) -> bool:
    try:
        TypeAdapter(key.annotation).validate_python(setting)
    except ValidationError:
        return False
    return True


def _to_plain_default(key: Key) -> Any:
    default = key.default()
    return to_plain(dataclasses.asdict(default) if isinstance(default, Setting) else default)


def _set_free(node: Any, path: tuple[str, ...], value: Any) -> None:
    """Set a key in a mapping whose keys the config does not prescribe."""
    if not isinstance(node, dict):
        return
    for part in path[:-1]:
        below = node.get(part)
        node[part] = dict(below) if isinstance(below, Mapping) else {}
        node = node[part]
    node[path[-1]] = to_plain(value)


def _explain_path(path: tuple[str, ...], depth: int, values: Mapping[str, Any]) -> Problem:
    if depth == len(path) - 1:
        return explain_unknown(path, values)
    whole = ".".join(path)
    keys = [key for key, _ in walk_keys(Config, values)]
    return Problem(key=whole, message="is not a setting", nearest=find_nearest_key(whole, keys))
