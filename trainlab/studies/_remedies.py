"""The remedies that there are."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from trainlab import plugins


@cache
def load_remedies() -> dict[str, Any]:
    """The remedies by name."""
    return {name: plugins.find_class(module)() for name, module in plugins.load_all("trainlab.remedies").items()}


def choose_remedies(codes: Collection[str]) -> dict[str, Any]:
    """Those that mend one of these findings."""
    return {name: remedy for name, remedy in load_remedies().items() if set(codes) & set(remedy.codes)}
