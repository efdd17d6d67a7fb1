"""What is laid over torch while a script is watched, and taken off again."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class Patches:
    """Attributes that stand for others until `restore`. Several may lie over one another, and be taken off in any order."""

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._handles: list[Any] = []

    def lay(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put `make(original)` in the place of `owner.name`; nothing where there is no such name."""
        if hasattr(owner, name):
            place = next((each for each in _places if each.owner is owner and each.name == name), None)
            if place is None:
                original = vars(owner).get(name, getattr(owner, name))
                place = _Place(owner=owner, name=name, original=original, shown=original)
                _places.append(place)
            place.layers.append((self, make))
            place.show(make(getattr(owner, name)))
            self._places.append(place)

    def hold(self, handle: Any) -> None:
        """A hook's handle, to be removed with the rest."""
        self._handles.append(handle)

    def restore(self) -> None:
        """Everything as it was, but for what others have laid there meanwhile."""
        for handle in self._handles:
            handle.remove()
        for place in reversed(self._places):
            place.take_off(self)
        self._handles.clear()
        self._places.clear()


@dataclass(slots=True, kw_only=True, eq=False)
class _Place:
    """One attribute: what stood there first, what each layer makes of that below it, and what stands there now."""

    owner: Any
    name: str
    original: Any
    shown: Any
    layers: list[tuple[Patches, Callable[[Any], Any]]] = field(default_factory=list)

    def show(self, shown: Any) -> None:
        self.shown = shown
        setattr(self.owner, self.name, shown)

    def take_off(self, patches: Patches) -> None:
        """The other layers are laid anew: what they are made of has changed."""
        self.layers = [each for each in self.layers if each[0] is not patches]
        if vars(self.owner).get(self.name) is self.shown:  # else the program has put something of its own on top
            shown = self.original
            for _, make in self.layers:
                shown = make(shown)
            self.show(shown)
        if not self.layers:
            _places[:] = [each for each in _places if each is not self]


_places: list[_Place] = []
"""Every attribute over which something lies."""


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
