"""Forward passes without gradient: a script evaluates, and its model may still be set to training."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from trainlab.watch._guard import Guard
from trainlab.watch._patches import Patches
from trainlab.watch._record import Record


class Evaluations:
    """Counts, under `torch.no_grad` and `torch.inference_mode`, the passes of models that behave otherwise in evaluation.

    A hook stands on one module of each, the first whose work depends on the mode, and only while there is no gradient: what a
    script saves or compiles never sees it. Two passes in a row make an evaluation; one alone may be a sample that training needs.
    """

    def __init__(self, guard: Guard, records: list[Record]) -> None:
        self._guard, self._records = guard, records
        self._thread = threading.get_ident()
        self._depth = 0
        self._handles: list[Any] = []
        self._row: Counter[int] = Counter()

    def follow(self, patches: Patches) -> None:
        """Begin to count."""
        import torch

        for kind in (torch.no_grad, torch.inference_mode):
            patches.lay(kind, "__enter__", self._wrap_enter)
            patches.lay(kind, "__exit__", self._wrap_exit)

    def interrupt(self) -> None:
        """A backward pass or a step: what comes now is another row."""
        self._row.clear()

    def _wrap_enter(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def enter(context: Any) -> Any:
            entered = original(context)
            if not self._guard.is_idle() and threading.get_ident() == self._thread:
                self._depth += 1
                if self._depth == 1 and any(record.sensitive for record in self._records):
                    with self._guard.look():
                        self._open()
            return entered

        return enter

    def _wrap_exit(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def leave(context: Any, *error: Any) -> Any:
            if not self._guard.is_idle() and threading.get_ident() == self._thread and self._depth:
                self._depth -= 1
                if not self._depth:
                    self.close()
            return original(context, *error)

        return leave

    def _open(self) -> None:
        for record in self._records:
            module = record.sensitive[0]() if record.sensitive and not record.compiled else None
            if module is not None:
                self._handles.append(module.register_forward_pre_hook(self._make_hook(record)))

    def close(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _make_hook(self, record: Record) -> Callable[..., None]:
        def count(_module: Any, _inputs: Any) -> None:
            if self._guard.is_idle():
                return
            self._row[id(record)] += 1
            if self._row[id(record)] > 1:
                passes = 2 if self._row[id(record)] == 2 else 1  # the first is one of them
                record.counts["evaluated"] += passes
                record.counts["training-mode"] += passes * (record.list_modes() == {True})

        return count
