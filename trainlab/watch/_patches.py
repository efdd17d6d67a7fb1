"""What is laid over torch while a script is watched, and taken off again."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class Patches:
    """Attributes that stand for others until `restore`."""

    def __init__(self) -> None:
        self._laid: list[tuple[Any, str, Any]] = []
        self._handles: list[Any] = []

    def lay(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put `make(original)` in the place of `owner.name`; nothing where there is no such name."""
        if hasattr(owner, name):
            original = vars(owner).get(name, getattr(owner, name))
            self._laid.append((owner, name, original))
            setattr(owner, name, make(original))

    def hold(self, handle: Any) -> None:
        """A hook's handle, to be removed with the rest."""
        self._handles.append(handle)

    def restore(self) -> None:
        """Everything as it was."""
        for handle in self._handles:
            handle.remove()
        for owner, name, original in reversed(self._laid):
            setattr(owner, name, original)
        self._handles.clear()
        self._laid.clear()


def when_imported(name: str, then: Callable[[], None]) -> None:
    """Call `then` once the module is there: now, or when the script imports it.

    Never sooner: what a script sets up before it imports torch (devices, threads) must count.
    """
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _After(name, then))


class _After(importlib.abc.MetaPathFinder):
    """Finds nothing itself; sees to it that `then` is called after the module's own code."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name, self._then = name, then

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ARG002
        """The module's own spec, its loader wrapped until it has loaded."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._then)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads as the module's own loader does, puts that one back into its place, and calls `then`."""

    def __init__(self, loader: Any, then: Callable[[], None]) -> None:
        self._loader, self._then = loader, then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the module's own loader."""
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        """As the module's own loader, then the rest."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then()
