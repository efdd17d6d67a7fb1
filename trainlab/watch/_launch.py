"""Runs a script or a module as `python SCRIPT` and `python -m MODULE` do: it is `__main__`, and sees its own arguments."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainlab.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is to be run.

    Attributes:
        file: the script; None for a module.
        module: what follows `-m`; empty for a script.
        arguments: its own.
    """

    file: Path | None = None
    module: str = ""
    arguments: tuple[str, ...] = ()


def load(script: Script) -> Callable[[], None]:
    """Make the script `__main__`, with its own `sys.argv` and the `sys.path` that python would give it.

    The new `__main__` stays when the script has ended: its threads, its exit handlers and what it has pickled still refer to it.

    Returns:
        what runs it; raises what the script raises.

    Raises:
        UserError: there is no such file or module, or it cannot be compiled.
    """
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    if script.file is not None:
        code = _compile(script.file)
        main.__dict__.update(
            __file__=os.path.abspath(script.file), __cached__=None, __loader__=_make_loader(script.file), __spec__=None
        )
        main.__dict__["__package__"] = None
        name, first = str(script.file), os.path.dirname(os.path.realpath(script.file))
    else:
        sys.path[0] = os.getcwd()  # where python looks for the module, and where its own packages are found
        spec = _find_module(script.module)
        # Importers that rewrite what they load, as pytest's does, may have no code to give before
        read = getattr(spec.loader, "get_code", None)
        code = read(spec.name) if read is not None else _compile(Path(str(spec.origin)))
        if code is None:
            raise UserError("has no code that could be run", key="-m", value=script.module)
        main.__dict__.update(__file__=spec.origin, __cached__=spec.cached, __loader__=spec.loader, __spec__=spec)
        main.__dict__["__package__"] = spec.parent
        name, first = str(spec.origin), os.getcwd()
    sys.argv = [name, *script.arguments]
    sys.path[0] = first
    sys.modules["__main__"] = main

    def run() -> None:
        exec(code, main.__dict__)  # the user's own code, at the user's own wish

    return run


def _make_loader(file: Path) -> importlib.machinery.SourceFileLoader:
    return importlib.machinery.SourceFileLoader("__main__", str(file))


def _compile(file: Path) -> types.CodeType:
    try:
        source = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", key="SCRIPT", value=str(file)) from None
    try:
        return compile(source, os.path.abspath(file), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        place = f"line {line}: " if line else ""
        raise UserError(f"is no Python: {place}{getattr(error, 'msg', error)}", key="SCRIPT", value=str(file)) from None


def _find_module(name: str) -> importlib.machinery.ModuleSpec:
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except (ImportError, ValueError, AttributeError) as error:
        raise UserError(f"cannot be imported: {error}", key="-m", value=name) from None
    if spec is None or spec.loader is None or not (hasattr(spec.loader, "get_code") or spec.has_location):
        raise UserError("there is no such module, or none that can be run", key="-m", value=name)
    return spec
