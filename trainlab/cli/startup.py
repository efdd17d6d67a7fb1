"""Importing torch in less time than `import torch` takes. Never done in a process that runs a user's script."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import inspect
import os
import sys
import types
from collections.abc import Iterator
from importlib.machinery import ModuleSpec

PUT_OFF = "torch._meta_registrations"
"""What becomes of tensors without data, operation by operation: an eighth of torch's import, needed to trace and to compile.

A name of torch's own that a release may change: where no such module is, nothing is put off.
"""


def import_torch() -> None:
    """Import torch and the study engine, libraries' symbols bound as they are used and the garbage collector off.

    A quarter of torch's import time is spent on collecting garbage that is none and on binding symbols that are never called, as
    much again on `PUT_OFF` and on noting where each operator of Python's is defined. The collector is on afterwards, also where it
    was off before: a process that only starts up begins without it.
    """
    gc.disable()
    flags = sys.getdlopenflags() if hasattr(sys, "getdlopenflags") else None
    if flags is not None:
        sys.setdlopenflags(os.RTLD_LAZY)
    try:
        with _put_off(PUT_OFF), _quick_to_place():
            import torch._prims  # noqa: F401  # what `PUT_OFF` would have brought and torch.Generator needs

            import trainlab.study  # noqa: F401
    finally:
        if flags is not None:
            sys.setdlopenflags(flags)
        gc.freeze()  # what an import has made stays: no collection need look at it
        gc.enable()


@contextlib.contextmanager
def _put_off(name: str) -> Iterator[None]:
    """Whoever imports the module in here gets an empty one; the real one is imported before anything more of its package is."""
    if name in sys.modules:
        yield
        return
    package, _, child = name.rpartition(".")
    empty = sys.modules[name] = types.ModuleType(name)
    try:
        yield
    finally:
        del sys.modules[name]
        if getattr(sys.modules.get(package), child, None) is empty:
            delattr(sys.modules[package], child)
        sys.meta_path.insert(0, _Before(name))


class _Before:
    """Imports a module, once, before anything more of its package is: torch's modules can be imported in one order only."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._within = name.rpartition(".")[0] + "."

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """The module that is asked for where importing the one put off has brought it along; otherwise none of our business."""
        if not name.startswith(self._within):
            return None
        sys.meta_path.remove(self)
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(self._name)
        if name not in sys.modules:
            return None
        module = sys.modules[name]
        module.__spec__ = ModuleSpec(name, _Here(module))  # type: ignore[arg-type]  # what the import system goes by
        return module.__spec__


class _Here:
    """Loads what is there: the import system would make the module a second time."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, _: ModuleSpec) -> types.ModuleType:
        """The module itself."""
        return self._module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run; only who loaded it is put right."""
        module.__spec__ = self._spec


@contextlib.contextmanager
def _quick_to_place() -> Iterator[None]:
    """Let a frame's module, file and line be told at once, as its globals and its code have them.

    `inspect` would resolve the path of every module there is, and read source text that torch throws away.
    """
    module, place = inspect.getmodule, inspect.getframeinfo

    def find_module(object: object, _filename: str | None = None) -> types.ModuleType | None:
        return sys.modules.get(object.f_globals.get("__name__", "")) if inspect.isframe(object) else module(object, _filename)

    inspect.getmodule, inspect.getframeinfo = find_module, functools.partial(place, context=0)
    try:
        yield
    finally:
        inspect.getmodule, inspect.getframeinfo = module, place
