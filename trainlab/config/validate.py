"""Plain values to a Config, or every problem in them at once; and back."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from trainlab.config.config import Config
from trainlab.config.explain import explain, find_nearest_key
from trainlab.config.sections import walk_keys
from trainlab.config.types import WORDS
from trainlab.config.write import shorten_value
from trainlab.errors import Problem, UserError


def validate(values: Any, sources: Mapping[str, str] | None = None) -> Config:
    """The Config that `values` describe.

    Args:
        values: plain nested data, as `load` gives.
        sources: `file:line` by dotted key.

    Raises:
        UserError: with every problem found, in the order of the file.
    """
    problems = {problem.key: problem for problem in _find_nonfinite(values, "")}
    try:
        config = _validate(values)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            problem = explain(details, values)
            problems.setdefault(problem.key, problem)
    else:
        problems |= {problem.key: problem for problem in _check_changes(config)}
        if not problems:
            return config
    order = {key: place for place, key in enumerate(sources or ())}
    raise UserError(sorted(problems.values(), key=lambda problem: _find_place(problem.key, order))).located(dict(sources or {}))


def to_values(config: Config) -> dict[str, Any]:
    """The config as plain nested data, complete, in the order of its fields; `validate` makes the same config of it."""
    values: dict[str, Any] = to_plain(dataclasses.asdict(config))
    return values


def to_plain(value: Any) -> Any:
    """Nested data with every tuple a list, as YAML would give it."""
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    return [to_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _validate(values: Any) -> Config:
    """By a validator that knows only the kinds named in the first values seen, if it finds no fault, else by the whole one.

    To make the whole one takes a tenth of a second, more than anything else that a short command does before it imports torch. What
    the small one accepts means the same to both.
    """
    if not _small:
        _small.append(_make_adapter(frozenset(_find_words(values))))
    with contextlib.suppress(ValidationError):
        return _small[0].validate_python(values)
    return _whole().validate_python(values)


_small: list[TypeAdapter[Config]] = []


@cache
def _whole() -> TypeAdapter[Config]:
    return _make_adapter(None)


def _make_adapter(words: frozenset[str] | None) -> TypeAdapter[Config]:
    token = WORDS.set(words)
    try:
        return TypeAdapter(Config)
    finally:
        WORDS.reset(token)


def _find_words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _find_words(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _find_words(item)


def _find_nonfinite(value: Any, path: str) -> Iterator[Problem]:
    """NaN and infinity, also where the config prescribes no type (thresholds, arguments of modules)."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _find_nonfinite(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _find_nonfinite(item, f"{path}.{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(key=path, message="must be finite", value=shorten_value(value))


def _check_changes(config: Config) -> Iterator[Problem]:
    """The keys of `vs` and `vary` must exist, under whatever kind; whether a value fits shows only once the patch is applied."""
    named = [(f"vs.{index}.{key}", key) for index, patch in enumerate(config.vs) for key in patch]
    named += [(f"vary.{key}", key) for key in config.vary]
    if not named:
        return
    keys = list(dict.fromkeys(key for key, _ in walk_keys(Config)))
    free = tuple(dict.fromkeys(f"{key}." for key, each in walk_keys(Config) if each.is_free))
    for whole, key in named:
        if key not in keys and not key.startswith(free):
            yield Problem(key=whole, message="is not a setting", nearest=find_nearest_key(key, keys))


def _find_place(key: str, order: Mapping[str, int]) -> int:
    while key and key not in order:
        key = key.rpartition(".")[0]
    return order.get(key, 0)
