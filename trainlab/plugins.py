"""Every module of a plug-in package is one plug-in, named by its file; `_name.py` is none; there is no list to keep."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from trainlab.errors import UserError, find_nearest


def list_names(package: str) -> list[str]:
    """The names of all plug-ins in `package`, sorted, without importing any of them.

    A file `lr_sweep.py` is the plug-in `lr-sweep`.
    """
    path = importlib.import_module(package).__path__
    return sorted(to_name(module.name) for module in pkgutil.iter_modules(path) if not module.name.startswith("_"))


def load(package: str, name: str) -> ModuleType:
    """Import the plug-in `name` of `package`.

    Raises:
        UserError: there is no such plug-in; the message lists those there are.
    """
    names = list_names(package)
    if name not in names:
        kind = package.rpartition(".")[2]
        raise UserError(
            f"there is none of that name in {kind}", value=repr(name), choices=tuple(names), nearest=find_nearest(name, names)
        )
    return _import(package, name)


def load_all(package: str) -> dict[str, ModuleType]:
    """Import every plug-in of `package`: name to module, sorted by name."""
    return {name: _import(package, name) for name in list_names(package)}


def find_class(module: ModuleType) -> Any:
    """The class of a plug-in that is one: `trainlab.rules.vanishing_gradient` has `VanishingGradient`."""
    return getattr(module, to_class_name(to_name(module.__name__)))


def _import(package: str, name: str) -> ModuleType:
    return importlib.import_module(f"{package}.{name.replace('-', '_')}")


def to_name(module: str) -> str:
    """The plug-in name of a module: its file name with dashes (`trainlab.rules.vanishing_gradient` is `vanishing-gradient`)."""
    return module.rpartition(".")[2].replace("_", "-")


def to_class_name(name: str) -> str:
    """The class of a plug-in by its name (`vanishing-gradient` is `VanishingGradient`)."""
    return "".join(part.capitalize() for part in name.split("-"))
