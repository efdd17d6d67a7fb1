"""The user's own code, by name: `pkg.module:build`, or `./net.py:Net`. It is imported and called as it is.

A file is looked for in the folder of the config file first, then in the working directory; a module wherever Python finds it, and
in the working directory.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import inspect
import itertools
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from trainlab.errors import UserError, find_nearest

OURS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Origin:
    """Where this process finds targets, for another one that has to find the same.

    Attributes:
        home: folder of the config file; None where there is none.
        folder: the working directory.
        path: where modules are looked for.
    """

    home: str | None
    folder: str
    path: tuple[str, ...]


_home: Path | None = None
_lent: tuple[int, Mapping[str, Any]] = 0, {}  # which loan it is, and what is lent by target
_loans = itertools.count(1)


@contextlib.contextmanager
def lend(objects: Mapping[str, Any]) -> Iterator[None]:
    """Let objects of the calling program be found while the block lasts, by targets that no module has: `given:model`."""
    global _lent  # noqa: PLW0603  # as `_home`
    before, _lent = _lent, (next(_loans), objects)
    try:
        yield
    finally:
        _lent = before


def set_home(folder: Path | None) -> None:
    """Say in which folder the config file is."""
    global _home  # noqa: PLW0603  # one process carries out one command
    _home = None if folder is None else folder.resolve()


def note_origin() -> Origin:
    """Where targets are found now."""
    return Origin(None if _home is None else str(_home), os.getcwd(), tuple(os.path.abspath(each) for each in sys.path))


def note_place() -> str:
    """Which files and objects the targets of this process are, as text: relative ones are other files elsewhere."""
    return f"{_home} {os.getcwd()} {_lent[0]}"


def adopt_origin(origin: Origin) -> None:
    """Find targets where the process found them that noted the origin."""
    set_home(None if origin.home is None else Path(origin.home))
    for each in (*origin.path, origin.folder):
        if each not in sys.path:
            sys.path.append(each)


def find(target: str, key: str) -> Any:
    """What the target names.

    Args:
        target: `pkg.module:name` or `path/file.py:name`; the name may have dots.
        key: dotted key of the setting, for messages.

    Raises:
        UserError: there is no such module, file or name, or importing it fails.
    """
    if target in _lent[1]:
        return _lent[1][target]
    place, _, name = target.rpartition(":")
    found: Any = _import_file(place, key, target) if place.endswith(".py") else _import_module(place, key, target)
    for part in name.split("."):
        if not hasattr(found, part):
            near = find_nearest(part, [each for each in dir(found) if not each.startswith("_")])
            raise UserError(f"{place} has no {part}", key=key, value=target, nearest=None if near is None else f"{place}:{near}")
        found = getattr(found, part)
    return found


def call(made: Callable[..., Any], args: Mapping[str, Any], key: str, target: str, *given: Any) -> Any:
    """Call the user's function or class.

    Raises:
        UserError: it does not take these arguments, or raises; the message shows its signature, or the line of the user's code.
    """
    check_call(made, args, key, target, *given)
    try:
        return made(*given, **args)
    except UserError:
        raise
    except Exception as error:
        raise explain(error, f"{_say_name(made)}() fails", f"{key}.target", target) from error


def check_call(made: Callable[..., Any], args: Mapping[str, Any], key: str, target: str, *given: Any) -> None:
    """Whether a call fits the signature.

    Raises:
        UserError: it does not.
    """
    signature = find_signature(made)
    if signature is None:
        return
    try:
        signature.bind(*given, **args)
    except TypeError as error:
        known = signature.parameters
        nearest = next((near for each in args if each not in known and (near := find_nearest(each, known))), None)
        raise UserError(
            f"{_say_name(made)}{signature} does not take these arguments: {error}", key=f"{key}.args", value=target, nearest=nearest
        ) from None


def find_signature(made: Callable[..., Any]) -> inspect.Signature | None:
    """None for what does not tell its own, as functions written in C."""
    try:
        return inspect.signature(made)
    except (TypeError, ValueError):
        return None


def explain(error: BaseException, what: str, key: str, target: str | None = None) -> UserError:
    """An exception of the user's code as a message: the kind, what it says, the line it comes from."""
    line = find_line(error)
    reason = ": ".join(filter(None, [type(error).__name__, str(error).strip().partition("\n")[0]]))
    return UserError(f"{what}{f' in {line}' if line else ''}: {reason}", key=key, value=target)


def find_line(error: BaseException) -> str | None:
    """`file:line` of the deepest call of the user's own code, neither this program's, nor Python's, nor an installed package's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shorten(error.filename)}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return f"{_shorten(frames[-1].filename)}:{frames[-1].lineno}" if frames else None


@functools.cache
def _list_foreign() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple(str(Path(paths[name]).resolve()) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def _is_users(filename: str) -> bool:
    if filename.startswith("<"):
        return False
    path = str(Path(filename).resolve())
    return not path.startswith((str(OURS) + os.sep, *_list_foreign()))


def _shorten(filename: str) -> str:
    """A path below the working directory without it."""
    relative = os.path.relpath(filename)
    return filename if relative.startswith("..") else relative


def _say_name(made: Any) -> str:
    return str(getattr(made, "__name__", type(made).__name__))


def _import_module(name: str, key: str, target: str) -> ModuleType:
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UserError(
                f"there is no module {error.name}", key=key, value=target, nearest=_find_near_module(error.name, target)
            ) from None
        raise explain(error, f"{name} cannot be imported", key, target) from error
    except Exception as error:
        raise explain(error, f"{name} cannot be imported", key, target) from error


def _find_near_module(name: str, target: str) -> str | None:
    """The spelling of a module that lies beside where the missing one was looked for."""
    import pkgutil

    package, _, last = name.rpartition(".")
    try:
        places = list(importlib.import_module(package).__path__) if package else [os.getcwd()]
    except Exception:  # the package is none, or is broken: there is nothing to suggest
        return None
    near = find_nearest(last, [each.name for each in pkgutil.iter_modules(places)])
    if near is None:
        return None
    return f"{package}.{near}{target[len(name) :]}" if package else f"{near}{target[len(name) :]}"


def _import_file(place: str, key: str, target: str) -> ModuleType:
    path = find_file(place, key, target)
    name = "trainlab_target_" + re.sub(r"\W", "_", str(path))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # it may import what lies beside it
    sys.modules[name] = module  # dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception):
            raise explain(error, f"{place} cannot be imported", key, target) from error
        raise
    return module


def find_file(place: str, key: str, target: str, suffix: str = ".py") -> Path:
    """A file that a config names, beside the config or else in the working directory.

    Args:
        place: its path, as written.
        key: of the setting, for the message.
        target: its whole value, for the message.
        suffix: of the files that may be meant instead.

    Raises:
        UserError: there is none; the message names one that is spelled alike.
    """
    given = Path(place).expanduser()
    folders = [Path()] if given.is_absolute() else [each for each in (_home, Path.cwd()) if each is not None]
    for folder in folders:
        if (folder / given).is_file():
            return (folder / given).resolve()
    beside = [each for folder in folders if (folder / given.parent).is_dir() for each in os.listdir(folder / given.parent)]
    near = find_nearest(given.name, [each for each in beside if each.endswith(suffix)])
    where = ", neither beside the config file nor in the working directory" if _home else ", in the working directory"
    found = None if near is None else place.removesuffix(given.name) + near + target[len(place) :]
    raise UserError(f"there is no file {place}{'' if given.is_absolute() else where}", key=key, value=target, nearest=found)
