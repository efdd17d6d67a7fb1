"""trainlab finds out what is wrong with the way a neural network trains, and proves which change mends it.

    import trainlab

    report = trainlab.check(model, data, "cross_entropy", "adam")
    with trainlab.watch(model, optimizer) as watched:
        ...

Nothing of it is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainlab.api import check, run
    from trainlab.errors import UserError
    from trainlab.report import Report
    from trainlab.watch._context import watch

__version__ = "0.1.0"
__all__ = ["Report", "UserError", "__version__", "check", "run", "watch"]

_PLACES = {"check": "trainlab.api", "run": "trainlab.api", "UserError": "trainlab.errors", "Report": "trainlab.report"}


def __getattr__(name: str) -> Any:
    if name == "watch":  # a module that can be called: it would stand here anyway as soon as it is imported
        return importlib.import_module("trainlab.watch")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
